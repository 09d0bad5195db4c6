/* cli/chat.c -- talk to a model at the terminal.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* NULL at the end of input. Bounded: what is piped in may have no line ends at all. */
static char *read_line(FILE *f)
{
    enum { MAX_LINE = 1 << 20 };
    Text t = { 0 };
    int c;
    while ((c = getc(f)) != EOF && c != '\n') {
        if (t.n == MAX_LINE)
            die(EXIT_INPUT, "standard input: a line of more than %d bytes; write a shorter one",
                MAX_LINE);
        text_add(&t, "%c", c);
    }
    if (c == EOF && !t.n) return NULL;
    text_add(&t, "%s", "");
    return t.s;
}

static int tokens_of(const Tokenizer *tok, const char *text)
{
    Seqs s = { 0 };
    int n = push_text(&s, tok, text, NULL, 0);
    seqs_free(&s);
    return n;
}

/* When the conversation outgrows the context its oldest turns are forgotten. */
static void forget(Text *talk, const Tokenizer *tok, int max_tokens)
{
    while (tokens_of(tok, talk->s) > max_tokens) {
        char *next = strstr(talk->s + 2, "\n\nHuman:");
        if (!next)
            die(EXIT_INPUT,
                "standard input: the message has more tokens than the context has room for (%d); "
                "write a shorter one",
                max_tokens);
        talk->n -= (size_t)(next - talk->s);
        memmove(talk->s, next, talk->n + 1);
    }
}

void command_chat(Run *run, const Args *arg)
{
    Model *m = load_given_model(run, arg->model);
    Text talk = { 0 };
    int turn = 0, tty = isatty(0);
    if (run->max_new >= m->c.seq_len)
        die(EXIT_USAGE,
            "--max-new %d: leaves no room for a message in the context of %s, %d tokens; choose "
            "less",
            run->max_new, arg->model, m->c.seq_len);
    if (tty)
        printf("Talking to %s. An empty line ends. The model knows its town only: try\n"
               "  How do I nab the baker's kite?     Help me fix my bike.\n",
               printable(arg->model));
    for (;;) {
        if (tty) {
            printf("\nHuman: ");
            fflush(stdout);
        }
        char *line = read_line(stdin);
        if (!line || !*line) {
            free(line);
            break;
        }
        check_text("standard input", line);
        layout_human(&talk, line);
        forget(&talk, m->tok, m->c.seq_len - run->max_new);
        Texts prompt = { .n = 1, .s = &talk.s };
        Texts answer =
            complete(m, &prompt, draws(run, S_ASK, turn++), run->max_new, arg->temperature);
        printf("%s%s\n", tty ? "Assistant:" : "",
               printable(answer.s[0] + (!tty && answer.s[0][0] == ' ')));
        text_add(&talk, "%s", answer.s[0]);
        texts_free(&answer);
        free(line);
    }
    free(talk.s);
    model_free(m);
}
