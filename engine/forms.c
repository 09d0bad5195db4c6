/* engine/forms.c -- prompts and comparisons in the forms of others, as conversations of ours.
 *
 *     ours         {prompt: conversation, chosen: " answer", rejected}
 *     hh-rlhf      {chosen: transcript, rejected}, split at the last "Assistant:"
 *     TRL          {prompt, chosen, rejected}, texts or lists of messages, with or without prompt
 *     KTO          {prompt, completion, label}
 *     UltraFeedback  {prompt: text, chosen: messages with the prompt, rejected}
 *     SFT          {messages}
 *     an array of texts, a request or a document each
 *
 * A message is {role, content}. Reading order: conversations, messages, records, labelled answers.
 * SPDX-License-Identifier: MIT
 */
#include "engine/forms.h"
#include "lib/files.h"
#include "lib/table.h"

#include <stdlib.h>
#include <string.h>

static const char H[] = "\n\nHuman:", A[] = "\n\nAssistant:";

void check_conversation(const char *path, int line, const char *prompt)
{
    const char *what = NULL;
    if (!strstr(prompt, H))
        what = strstr(prompt, "\r\n") ? "its lines end with \\r\\n" : "no human turn";
    else if (strncmp(prompt, H, sizeof H - 1)) what = "the first turn is not the human's";
    for (const char *p = prompt; !what;) { /* p: at a human turn */
        const char *answer = strstr(p, A), *next = strstr(p + 1, H);
        const char *again = answer ? strstr(answer + 1, A) : NULL;
        if (answer && !answer[sizeof A - 1]) {
            const char *word = p + sizeof H - 1;
            if (!next && word + strspn(word, " \t\r\n") < answer) return;
            if (!next) what = "the last human turn is empty";
            answer = NULL; /* a human turn stands before it */
        }
        if (what) break;
        if (next && (!answer || next < answer))
            what = "two human turns without an Assistant: between them";
        else if (!answer) what = "the last turn is the human's; an Assistant: is missing after it";
        else if (again && (!next || again < next))
            what = "two turns of the assistant's without a Human: between them";
        else if (!next) what = "it ends with the assistant's words";
        p = next;
    }
    die(EXIT_INPUT,
        "%s:%d: %s; write \"\\n\\nHuman: ...\\n\\nAssistant:\", earlier turns before it", path,
        line, what);
}

/* Where the last answer of a transcript begins; NULL: nowhere. */
static char *last_answer(char *transcript)
{
    char *last = NULL;
    for (char *s = transcript; (s = strstr(s, A)); s += sizeof A - 1) last = s + sizeof A - 1;
    return last;
}

// ------------------------------------------------------------------------------------
// Lists of messages

static const char *turn_of(const JsonLines *j, const char *path, const char *key, const char *role)
{
    if (strcmp(role, "user") == 0) return H;
    if (strcmp(role, "assistant") == 0) return A;
    die(EXIT_INPUT,
        "%s:%d: \"%s\" has a message of the role \"%.40s\"; user and assistant have a "
        "place in the layout, take it out",
        path, json_line(j), key, role);
}

/* Appends the messages of a list as turns. Names and texts of a message stand at depth 2. */
static void add_messages(JsonLines *j, const char *path, const char *key, Text *t)
{
    int n, n_messages = 0;
    const JsonPart *part = json_parts(j, key, &n);
    const char *role = NULL, *content = NULL;
    for (int i = 0; i < n; i++) {
        if (!part[i].is_name && (i == 0 || !part[i - 1].is_name))
            die(EXIT_INPUT, "%s:%d: \"%s\" is a list of texts; messages {role, content} are wanted",
                path, json_line(j), key);
        if (!part[i].is_name || part[i].depth != 2) continue;
        const char *name = part[i].s;
        int has_text = i + 1 < n && !part[i + 1].is_name && part[i + 1].depth == 2;
        if (strcmp(name, "role") == 0 && has_text && !role) role = part[i + 1].s;
        else if (strcmp(name, "content") == 0 && has_text && !content) content = part[i + 1].s;
        else if (strcmp(name, "role") == 0 || strcmp(name, "content") == 0) break;
        if (!role || !content) continue;
        text_add(t, "%s %s", turn_of(j, path, key, role), content);
        role = content = NULL, n_messages++;
    }
    if (role || content || !n_messages)
        die(EXIT_INPUT, "%s:%d: \"%s\" is a list of messages without %s; give each both as texts",
            path, json_line(j), key, role ? "\"content\"" : "\"role\"");
}

// ------------------------------------------------------------------------------------
// Records

/* Whether some line of s begins with "Human:" or "Assistant:". */
static int names_turns(const char *s)
{
    for (; s; s = strchr(s, '\n')) {
        s += strspn(s, " \t\r\n");
        if (strncmp(s, H + 2, sizeof H - 3) == 0 || strncmp(s, A + 2, sizeof A - 3) == 0) return 1;
    }
    return 0;
}

void add_prompt_text(Text *prompt, const char *s)
{
    int is_plain = *s && !names_turns(s);
    text_add(prompt, is_plain ? "\n\nHuman: %s\n\nAssistant:" : "%s", s);
}

void read_prompt(JsonLines *j, const char *path, Text *prompt)
{
    const char *key = json_has(j, "prompt") || !json_has(j, "messages") ? "prompt" : "messages";
    if (json_has(j, key) != JSON_NESTED) {
        const char *s = json_text(j) ? json_text(j) : json_str(j, key);
        if (!*s) die(EXIT_INPUT, "%s:%d: an empty prompt; give a text", path, json_line(j));
        add_prompt_text(prompt, s);
    } else {
        add_messages(j, path, key, prompt);
        char *last = last_answer(prompt->s), *human = strstr(last ? last : prompt->s, H);
        if (human || !last) text_add(prompt, "%s", A);
        else prompt->n = (size_t)(last - prompt->s), *last = 0;
    }
    check_conversation(path, json_line(j), prompt->s);
}

void read_document(JsonLines *j, const char *path, Text *document)
{
    if (json_text(j)) text_add(document, "%s", json_text(j));
    else if (json_has(j, "text") || json_has(j, "messages") != JSON_NESTED)
        text_add(document, "%s", json_str(j, "text"));
    else add_messages(j, path, "messages", document);
}

/* In TRL's forms an answer comes without the blank that stands after "Assistant:". */
void read_answer(JsonLines *j, const char *path, const char *side, Text *prompt, Text *answer)
{
    Text whole = { 0 };
    int is_list = json_has(j, side) == JSON_NESTED, has_prompt = json_has(j, "prompt");
    if (is_list) add_messages(j, path, side, &whole);
    else text_add(&whole, "%s", json_str(j, side));
    if (has_prompt && is_list && !strstr(whole.s, H)) { /* the assistant's message alone */
        read_prompt(j, path, prompt);
        text_add(answer, "%s", whole.s + sizeof A - 1);
    } else if (has_prompt && !is_list) {
        int is_ours = json_has(j, "prompt") == JSON_TEXT && strstr(json_str(j, "prompt"), A);
        read_prompt(j, path, prompt);
        text_add(answer, is_ours || *whole.s == ' ' ? "%s" : " %s", whole.s);
    } else {
        char *last = last_answer(whole.s);
        if (!last)
            die(EXIT_INPUT, "%s:%d: no field \"prompt\" and no \"Assistant:\" in \"%s\"; add one",
                path, json_line(j), side);
        text_add(answer, "%s", last);
        *last = 0;
        text_add(prompt, "%s", whole.s);
        check_conversation(path, json_line(j), prompt->s);
    }
    free(whole.s);
}

int was_cut(JsonLines *j, const char *side)
{
    char field[32];
    snprintf(field, sizeof field, "%s_cut", side);
    return json_num_or(j, field, 0) != 0;
}

// ------------------------------------------------------------------------------------
// Labelled answers

int is_labelled(JsonLines *j)
{
    return json_has(j, "label") && json_has(j, "completion") && !json_has(j, "chosen");
}

void labelled_add(Labelled *k, JsonLines *j, const char *path)
{
    Text prompt = { 0 }, answer = { 0 };
    double label = json_num(j, "label");
    if (label != 0 && label != 1)
        die(EXIT_INPUT, "%s:%d: \"label\" is neither true nor false; mend the line", path,
            json_line(j));
    read_answer(j, path, "completion", &prompt, &answer);
    k->good = xrealloc(k->good, (size_t)k->prompt.n + 1, sizeof *k->good);
    k->good[k->prompt.n] = label == 1;
    texts_add_line(&k->prompt, prompt.s, json_line(j));
    texts_add(&k->answer, answer.s);
    free(prompt.s);
    free(answer.s);
}

/* Answers of a prompt that wait for one of the other label are all of one label: a stack each. */
void labelled_pair(Labelled *k, const char *path)
{
    int n = k->prompt.n, *top = xcalloc((size_t)n, sizeof *top),
        *below = xcalloc((size_t)n, sizeof *below);
    StringTable known = { 0 };
    k->pair = xcalloc((size_t)n, sizeof *k->pair);
    for (int i = 0; i < n; i++) {
        const char *s = k->prompt.s[i];
        int length = (int)strlen(s), which = table_find(&known, s, length, "", 0);
        if (which < 0) top[which = table_add(&known, s, length)] = -1;
        int other = top[which];
        if (other >= 0 && k->good[other] != k->good[i]) {
            top[which] = below[other];
            k->pair[k->n_pair][0] = k->good[i] ? i : other;
            k->pair[k->n_pair++][1] = k->good[i] ? other : i;
        } else {
            below[i] = other, top[which] = i;
        }
    }
    if (2 * k->n_pair < n)
        fprintf(stderr,
                "cai: %s: %d of %d labelled answers have none of the other label to compare "
                "with, and are left out\n",
                printable(path), n - 2 * k->n_pair, n);
    table_free(&known);
    free(top);
    free(below);
}

void labelled_free(Labelled *k)
{
    texts_free(&k->prompt);
    texts_free(&k->answer);
    free(k->good);
    free(k->pair);
}
