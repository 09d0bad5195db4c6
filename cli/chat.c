/* cli/chat.c -- talk to a model at the terminal, and look behind its answers.
 *
 * Piped, every line is a message, standard output holds the answers alone, and what is wrong ends
 * the program. At a terminal there are commands, and what is wrong is said and the chat goes on.
 *
 * Reading order: the conversation, the commands, a message, the chat.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/chat.h"
#include "cli/line.h"
#include "cli/words.h"
#include "data/eval.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// The conversation

int tokens_in(const Model *m, const char *text)
{
    Seqs s = { 0 };
    int n = push_text(&s, m->tok, text, NULL, 0);
    seqs_free(&s);
    return n;
}

int drop_turn(Text *talk)
{
    char *next = talk->n > 2 ? strstr(talk->s + 2, "\n\nHuman:") : NULL;
    if (!next) return 0;
    talk->n -= (size_t)(next - talk->s);
    memmove(talk->s, next, talk->n + 1);
    return 1;
}

static void begin_anew(Chat *c)
{
    text_clear(&c->talk);
    c->answered = 0;
}

static Texts answer_of(Chat *c, const Model *m, char *prompt)
{
    Texts p = { .n = 1, .s = &prompt };
    return complete(m, &p, draws(c->run, S_ASK, c->turn), c->run->max_new, c->temperature);
}

/* What a person at the terminal did wrong is said; a pipe's mistake ends the program. */
static void refuse(const Chat *c, const char *what)
{
    if (!c->lines.tty) die(EXIT_INPUT, "standard input:%d: %s", c->line, what);
    printf("(refused: %s)\n", what);
}

// ------------------------------------------------------------------------------------
// The commands

static void show_help(void)
{
    printf("/models      the models of this run\n"
           "/model NAME  talk to that one; the conversation stays\n"
           "/all         what every model answers to the last request\n"
           "/why         critique and judgement of the last answer, each under a principle drawn "
           "anew\n"
           "/new         begin a new conversation\n"
           "/quit        end, as Ctrl-D does\n"
           "Anything else is said to the model. It knows its town only: try\n"
           "  How do I nab the baker's kite?     Help me fix my bike.     And the baker's?\n");
}

static int is_made(const Chat *c, int m) { return is_model_of_run(c->run, MODELS[m]); }

static void show_models(const Chat *c)
{
    for (int m = 0; m < N_MODELS; m++)
        printf("%s %-8s %s%s\n", strcmp(MODELS[m], c->name) ? " " : "*", MODELS[m], MODEL_NAMES[m],
               is_made(c, m) ? "" : ": not made yet");
}

/* By its file's name or the paper's. */
static void switch_model(Chat *c, const char *name)
{
    int m = 0;
    while (m < N_MODELS && strcasecmp(name, MODELS[m]) && strcasecmp(name, MODEL_NAMES[m])) m++;
    if (m == N_MODELS || !is_made(c, m)) {
        printf("(no model \"%s\" in this run; /models lists them)\n", printable(name));
        return;
    }
    model_free(c->m);
    c->name = MODELS[m];
    c->m = load_model(c->run, c->name);
    printf("(talking to %s, %s)\n", c->name, MODEL_NAMES[m]);
}

/* The models share the draws that the last answer was made with: what they differ in is not
 * chance. */
static void show_all(Chat *c)
{
    Text t = { 0 };
    char *prompt = strndup(c->talk.s, c->answered);
    c->turn--;
    for (int m = 0; m < N_MODELS; m++) {
        if (!is_made(c, m)) continue;
        Model *model = load_model(c->run, MODELS[m]);
        if (tokens_in(model, prompt) + c->run->max_new <= model->c.seq_len) {
            Texts a = answer_of(c, model, prompt);
            add_wrapped(&t, MODEL_NAMES[m], a.s[0]);
            texts_free(&a);
        }
        model_free(model);
    }
    c->turn++;
    printf("%s", printable(t.s ? t.s : "(this run has no models)\n"));
    free(prompt);
    free(t.s);
}

/* Returns 0 if the chat is to end. */
static int obey(Chat *c, const char *line)
{
    const char *name = line + strcspn(line, " ");
    size_t n = (size_t)(name - line);
    name += strspn(name, " ");
    int is_asked = strcmp(line, "/all") == 0 || strcmp(line, "/why") == 0;
    if (strcmp(line, "/quit") == 0) return 0;
    if (is_asked && !c->answered) printf("(nothing has been asked yet)\n");
    else if (strcmp(line, "/all") == 0) show_all(c);
    else if (strcmp(line, "/why") == 0) show_why(c);
    else if (strcmp(line, "/help") == 0) show_help();
    else if (strcmp(line, "/models") == 0) show_models(c);
    else if (n == 6 && strncmp(line, "/model", n) == 0 && *name) switch_model(c, name);
    else if (strcmp(line, "/new") == 0) {
        begin_anew(c);
        printf("(a new conversation)\n");
    } else printf("(%s: no such command; /help lists them)\n", printable(line));
    return 1;
}

// ------------------------------------------------------------------------------------
// A message

/* Drops the oldest turns that the context has no room for. 0: it has none for this message
 * alone. */
static int make_room(Chat *c)
{
    int dropped = 0, room = c->m->c.seq_len - c->run->max_new;
    while (tokens_in(c->m, c->talk.s) > room) {
        if (!drop_turn(&c->talk)) return 0;
        dropped++;
    }
    if (dropped && c->lines.tty)
        printf("(the context of %d tokens is full: the oldest %s left the conversation)\n",
               c->m->c.seq_len, dropped > 1 ? "turns have" : "turn has");
    return 1;
}

static void reply(Chat *c, const char *message)
{
    Text before = { 0 };
    text_add(&before, "%s", c->talk.s);
    layout_human(&c->talk, message);
    if (!make_room(c)) {
        Text what = { 0 };
        text_add(&what,
                 "the message has more tokens than the context has room for (%d); write a shorter "
                 "one",
                 c->m->c.seq_len - c->run->max_new);
        refuse(c, what.s);
        free(what.s);
        free(c->talk.s);
        c->talk = before;
        return;
    }
    free(before.s);
    say_unknown(&c->words, message);
    c->answered = c->talk.n;
    Texts answer = answer_of(c, c->m, c->talk.s);
    c->turn++;
    printf("%s%s\n", c->lines.tty ? "Assistant:" : "",
           printable(answer.s[0] + (!c->lines.tty && answer.s[0][0] == ' ')));
    text_add(&c->talk, "%s", answer.s[0]);
    texts_free(&answer);
}

// ------------------------------------------------------------------------------------
// The chat

static void greet(const Chat *c)
{
    printf("Talking to %s", printable(c->name));
    for (int m = 0; m < N_MODELS; m++)
        if (strcmp(MODELS[m], c->name) == 0)
            printf(", %s, of the run in %s", MODEL_NAMES[m], printable(c->run->folder));
    printf(". It knows its town only: try\n"
           "  How do I nab the baker's kite?     Help me fix my bike.\n"
           "/help lists the commands; Ctrl-D ends.\n");
}

void command_chat(Run *run, const Args *arg)
{
    Chat chat = { .run = run,
                  .settings = &arg->settings,
                  .name = arg->model,
                  .temperature = arg->temperature },
         *c = &chat;
    c->m = load_given_model(run, arg->model);
    if (run->max_new >= c->m->c.seq_len)
        die(EXIT_USAGE,
            "--max-new %d: leaves no room for a message in the context of %s, %d tokens; choose "
            "less",
            run->max_new, arg->model, c->m->c.seq_len);
    c->lines = lines_open();
    c->words = words_of_run(run, arg->model);
    begin_anew(c);
    if (c->lines.tty) greet(c);
    Text bad = { 0 };
    char *line;
    for (int goes_on = 1; goes_on; free(line)) {
        if (c->lines.tty) printf("\n");
        line = next_line(&c->lines, "Human: ", &bad);
        c->line++;
        if (!line || (!*line && !bad.n && !c->lines.tty)) goes_on = 0;
        else if (bad.n) refuse(c, bad.s);
        else if (c->lines.tty && *line == '/') goes_on = obey(c, line);
        else if (line[strspn(line, " \t")] || !c->lines.tty) reply(c, line);
    }
    words_free(&c->words);
    free(bad.s);
    free(c->talk.s);
    model_free(c->m);
}
