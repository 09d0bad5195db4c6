/* cli/inputs.c -- what a run is made of, looked at before its first stage.
 *
 * The town and the constitution are read once, and their bytes are what is parsed, checksummed and
 * copied into the run's folder; the stages read the copies. So a file that is edited while a run
 * goes on changes nothing in it, and a pipe does as well as a file.
 *
 * Reading order: sources, copies, the person's own files in the folder, principles, the whole
 * plan.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/inputs.h"
#include "cli/kernels.h"
#include "cli/places.h"
#include "data/corpus.h"
#include "data/town.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// Sources

/* Name of copy i: town.txt; constitution.txt, constitution.2.txt .. for the files of a list. */
static Path copy_name(const char *base, int i)
{
    Path p;
    if (i == 0) snprintf(p.s, sizeof p.s, "%s.txt", base);
    else snprintf(p.s, sizeof p.s, "%s.%d.txt", base, i + 1);
    return p;
}

static int is_plain_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Where to read: the flag's files. A command that does not name them may come when they are no
 * longer there, as a pipe is not, or from another folder: then the copies. One that only looks
 * into a run reads the copies wherever it is. */
static Texts source_paths(Run *run, const Source *s, const char *list, const Settings *given)
{
    Texts name = { 0 }, path = { 0 };
    int is_list = strcmp(s->flag, "--constitution") == 0;
    int gone = given->looks || (!is_list && given->taken);
    if (!is_list) texts_add(&name, list);
    else name = split_list(list);
    for (int i = 0; i < name.n; i++) gone |= !is_plain_file(name.s[i]);
    int copies = !option_given(given, s->flag + 2) && gone
                 && record_of(&run->records, "run", copy_name(s->copy, 0).s);
    for (int i = 0; i < name.n && !copies; i++)
        texts_add(&path, found_file(name.s[i], given->program).s);
    for (int i = 0; copies && record_of(&run->records, "run", copy_name(s->copy, i).s); i++)
        texts_add(&path, records_read(&run->records, copy_name(s->copy, i).s).s);
    texts_free(&name);
    return path;
}

static void read_source(Run *run, Source *s, const char *list, const Settings *given)
{
    s->path = source_paths(run, s, list, given);
    s->data = xcalloc((size_t)s->path.n, sizeof *s->data);
    s->size = xcalloc((size_t)s->path.n, sizeof *s->size);
    for (int i = 0; i < s->path.n; i++) {
        s->data[i] = read_file(s->path.s[i], &s->size[i]);
        uint64_t one = checksum(s->data[i], s->size[i], 0);
        s->sum = s->path.n == 1 ? one : checksum(&one, sizeof one, s->sum);
    }
}

/* A fresh copy of the bytes of file i: readers write into what they are given. */
static char *bytes_of(const Source *s, int i)
{
    char *copy = xcalloc(s->size[i] + 1, 1);
    memcpy(copy, s->data[i], s->size[i]);
    return copy;
}

/* The most that the town could be asked for: the stage data finds out what is left after other
 * sets. */
static void check_town(const Run *run, const Town *town, const char *path)
{
    const DataSettings *s = &run->data;
    const struct {
        int set, n;
        const char *flag;
    } asked[] = {
        { SET_REDTEAM, s->redteam, "redteam" },
        { SET_HELPFUL, s->helpful, "helpful" },
        { SET_EVAL_REDTEAM, s->eval + s->eval / 4, "eval" }, /* some of them under pressure */
        { SET_EVAL_HELPFUL, s->eval, "eval" },
        { SET_EVAL_CONTRAST, s->eval, "eval" },
        { SET_EVAL_UNSEEN, s->eval, "eval" },
        { SET_RESERVED_REDTEAM, s->reserved, "reserved" },
    };
    Requests *r = requests_new(town);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        if (requests_left(r, asked[i].set) < asked[i].n)
            die(EXIT_INPUT,
                "%s: the town has %ld different requests of the kind that --%s asks for, %d are "
                "wanted; give it more verbs, things or owners, or ask for fewer",
                path, requests_left(r, asked[i].set), asked[i].flag, asked[i].n);
    requests_free(r);
}

/* Worked examples of comparisons in the judge's layout, each with a principle of its own, as in the
 * paper: example i has principle i (there it is drawn; D3). The better answer is (A) and (B) in
 * turn. */
static void lay_out_examples(Constitution *c, int plain)
{
    Text *t = &c->comparison_examples;
    const Place *at = &c->comparison_example;
    int wrong = plain ? c->chain.n : c->asked.n;
    if (wrong)
        die(EXIT_INPUT,
            "%s:%d: worked examples %s a chain of thought, and the judge is asked %s; take them "
            "out, or %s --plain 1",
            at->path, at->line, plain ? "with" : "without", plain ? "for none" : "for one",
            plain ? "leave out" : "give");
    for (int i = 0; i < c->chain.n; i++) {
        const char *s = c->chain.s[i], *slot = strstr(s, "{}");
        s += strspn(s, "\n"); /* one of the paper's begins with fewer blank lines */
        text_add(t, "\n\n%.*s%s Options:%s", (int)(slot - s), s,
                 c->comparison[i % c->n_comparisons].choose, slot + 2);
    }
    for (int i = 0; i < c->asked.n; i++) {
        const char *side[] = { c->better.s[i], c->worse.s[i] };
        layout_choice(t, c->asked.s[i], c->comparison[i % c->n_comparisons].choose, side[i % 2],
                      side[1 - i % 2]);
        text_add(t, i % 2 ? " (B)" : " (A)");
    }
}

/* Their faults are told now, not by the stage that reads them minutes later. */
void inputs_read(Run *run, Inputs *in, const Settings *given)
{
    *in = (Inputs){ { .flag = "--town", .copy = "town" },
                    { .flag = "--constitution", .copy = "constitution" },
                    { .flag = "--text", .copy = "text" } };
    Source *town = &in->town, *c = &in->constitution, *text = &in->text;
    read_source(run, town, run->town, given);
    const char *path = town->path.s[0];
    Town *read = town_read(text_of(bytes_of(town, 0), town->size[0], path), path);
    check_town(run, read, path);
    town_free(read);
    read_source(run, c, run->constitution_files, given);
    for (int i = 0; i < c->path.n; i++)
        constitution_add(&run->constitution, bytes_of(c, i), c->size[i], c->path.s[i]);
    constitution_check(&run->constitution, run->constitution_files);
    lay_out_examples(&run->constitution, run->label.plain);
    Records *k = &run->records;
    k->own[0] = (OwnFile){ "data", "--town", run->town, town->sum };
    k->own[1] = (OwnFile){ "revise", "--constitution", run->constitution_files, c->sum };
    k->own[2] = (OwnFile){ "feedback", "--constitution", run->constitution_files, c->sum };
    k->n_own = 3;
    if (!*run->data.text) return;
    read_source(run, text, run->data.text, given);
    Texts docs = documents_of(bytes_of(text, 0), text->size[0], text->path.s[0]);
    texts_free(&docs);
    k->own[k->n_own++] = (OwnFile){ "data", "--text", run->data.text, text->sum };
}

// ------------------------------------------------------------------------------------
// Copies in the folder

static int is_copied(const Run *run, const Source *s, int i)
{
    Path path = run_path(run, copy_name(s->copy, i).s);
    return is_there(path.s) && sum_of_file(path.s) == checksum(s->data[i], s->size[i], 0);
}

static void keep_copies(Run *run, const Source *s)
{
    Records *k = &run->records;
    for (int i = 0; i < s->path.n; i++) {
        Path name = copy_name(s->copy, i), path = run_path(run, name.s);
        if (!is_copied(run, s, i)) {
            if (record_of(k, "run", name.s) && is_there(path.s))
                fprintf(stderr, "cai: %s: not the %s of this folder, which it takes the place of\n",
                        printable(s->path.s[i]), name.s);
            record_run_file(k, name.s, 1);
            records_save(k); /* from here on the file may be written over */
            FILE *f = create_file(path.s);
            fwrite(s->data[i], 1, s->size[i], f);
            commit_file(f, path.s);
        }
        record_run_file(k, name.s, 0);
    }
    for (int i = s->path.n; record_of(k, "run", copy_name(s->copy, i).s); i++) {
        remove(records_read(k, copy_name(s->copy, i).s).s);
        forget_run_file(k, copy_name(s->copy, i).s);
    }
}

void inputs_keep(Run *run, Inputs *in)
{
    keep_copies(run, &in->town);
    keep_copies(run, &in->constitution);
    keep_copies(run, &in->text);
    if (*run->data.text) run->data.text = xstrdup(run_path(run, "text.txt").s);
    run->town = xstrdup(run_path(run, "town.txt").s); /* flags.txt has the person's name for it */
}

Constitution constitution_of_run(Run *run, const Settings *given)
{
    Constitution c = { 0 };
    Source source = { .flag = "--constitution", .copy = "constitution" };
    read_source(run, &source, run->constitution_files, given);
    for (int i = 0; i < source.path.n; i++)
        constitution_add(&c, bytes_of(&source, i), source.size[i], source.path.s[i]);
    constitution_check(&c, run->constitution_files);
    lay_out_examples(&c, run->label.plain);
    return c;
}

const char *town_of_run(Run *run, const Settings *given)
{
    if (option_given(given, "town") || !record_of(&run->records, "run", "town.txt"))
        return run->town;
    return xstrdup(records_read(&run->records, "town.txt").s);
}

// ------------------------------------------------------------------------------------
// The person's own files in the folder

/* What the lines of a file must have. */
// clang-format off
static const struct { const char *file, *field[6]; } LINES[] = {
    { "data/corpus.jsonl", { "text" } },
    { "data/redteam.jsonl", { "prompt" } },
    { "data/helpful.jsonl", { "prompt" } },
    { "data/human_prefs.jsonl", { "chosen", "rejected" } },
    { "data/eval_prefs.jsonl", { "chosen", "rejected" } },
    { "data/eval_redteam.jsonl", { "prompt" } },
    { "data/eval_helpful.jsonl", { "prompt" } },
    { "data/eval_contrast.jsonl", { "prompt" } },
    { "data/eval_unseen.jsonl", { "prompt" } },
    { "data/eval_text.jsonl", { "text" } },
    { "data/reserved_redteam.jsonl", { "prompt" } },
    { "data/reserved_helpful.jsonl", { "prompt" } },
    { "data/reserved_contrast.jsonl", { "prompt" } },
    { "data/eval_turns.jsonl", { "prompt", "set" } },
    { "data/judgements.jsonl", { "prompt", "principle", "a", "b", "better" } },
    { "revisions.jsonl", { "prompt", "revision" } },
    { "feedback.jsonl", { "chosen", "rejected" } },
};
// clang-format on

/* Comparisons and prompts come in several forms, all other files in ours. */
static void check_record(JsonLines *j, const char *path, const char *const *field)
{
    Text prompt = { 0 }, answer = { 0 };
    if (strcmp(field[0], "chosen") == 0) {
        int labelled = is_labelled(j);
        read_answer(j, path, labelled ? "completion" : field[0], &prompt, &answer);
        if (!labelled) read_answer(j, path, field[1], &prompt, &answer);
    } else if (strcmp(field[0], "prompt") == 0 && !field[1]) {
        read_prompt(j, path, &prompt);
    } else {
        for (int i = 0; i < 6 && field[i]; i++) {
            const char *text = json_str(j, field[i]);
            if (strcmp(field[i], "prompt") == 0) check_conversation(path, json_line(j), text);
        }
    }
    free(prompt.s);
    free(answer.s);
}

/* An empty file teaches nothing. Comparisons by the model may be none, if none were asked for. */
static void check_lines(const Run *run, const char *path, const char *const *field,
                        const char *file, const char *stage)
{
    if (strcmp(field[0], "prompt") == 0 && !field[1] && !is_json(path)) {
        fprintf(stderr, "cai: %s: no JSON, so each line is a request\n", printable(path));
        return;
    }
    JsonLines *j = json_open(path);
    int n = 0;
    for (; json_next(j); n++) check_record(j, path, field);
    json_close(j);
    if (n || (strcmp(file, "feedback.jsonl") == 0 && !run->label.pairs)) return;
    die(EXIT_INPUT, "%s:1: no records, and the stage %s reads it; give it some%s", path, stage,
        strcmp(file, "feedback.jsonl") ? "" : ", or ask for none with --ai-prefs 0");
}

/* A model that knows the tokens and the length that stage k reads texts with. NULL: not known
 * yet. */
static Model *reader_of(Run *run, Plan plan, int k)
{
    StageFiles files = stage_files(run, k);
    if (stage_index("tokenizer") >= plan.first) return NULL;
    if (!run->tok) load_tokenizer(run, 0);
    for (int i = 0; files.reads[i]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", files.reads[i]);
        char *end = strstr(name, ".bin");
        if (!end || strcmp(name, "tokenizer.bin") == 0 || writer_of(files.reads[i]) >= plan.first)
            continue;
        *end = 0;
        return load_model(run, name);
    }
    return NULL;
}

/* By what the stage reads it with, if that is there already; else whether its lines have what they
 * must. */
static void check_own_file(Run *run, const char *file, const char *stage, const Model *reader)
{
    Path path = run_path(run, file);
    char name[64];
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        const char *const *field = LINES[i].field;
        if (strcmp(LINES[i].file, file)) continue;
        check_lines(run, path.s, field, file, stage);
        if (!reader) return;
        if (strcmp(field[0], "chosen") == 0) {
            Comparisons c = { 0 };
            run_comparisons(run, &c, file, reader);
            comparisons_free(&c);
        } else if (strcmp(field[0], "prompt") == 0 && !field[1]) {
            Texts prompts = run_prompts(run, file, reader);
            texts_free(&prompts);
        }
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)(strrchr(file, '.') - file), file);
    if (!reader || strcmp(name, "tokenizer") == 0) return;
    model_free(strcmp(strrchr(file, '.'), ".head") ? load_model(run, name) : load_pm(run, name));
}

// ------------------------------------------------------------------------------------
// Principles

/* No piece of a tokenizer that was trained here holds more than three words or MAX_PIECE bytes, so
 * a text has so many tokens at least. With the tokenizer they are counted. */
static int tokens_of(const Run *run, const char *text)
{
    int words = 0, n;
    if (run->tok) {
        Seqs s = { 0 };
        push_text(&s, run->tok, text, NULL, 0);
        n = seq_len(&s, 0);
        seqs_free(&s);
        return n;
    }
    for (const char *c = text; *c; c++)
        words += *c != ' ' && *c != '\n' && (c == text || c[-1] == ' ' || c[-1] == '\n');
    return max_int((words + 2) / 3, (int)(strlen(text) / MAX_PIECE));
}

/* All that stands in the context when critique principle i has been used on the prompt, but for
 * what the model writes. */
static int critique_tokens(const Run *run, int i, const char *prompt)
{
    const Constitution *c = &run->constitution;
    Text t = { 0 };
    text_add(&t, "%s%s", c->critique_examples.s ? c->critique_examples.s : "", prompt);
    layout_critique(&t, c->critique[i].critique);
    layout_revision(&t, c->critique[i].revision);
    int n = tokens_of(run, t.s);
    free(t.s);
    return n;
}

/* Likewise for comparison principle i. */
static int comparison_tokens(const Run *run, int i, const char *prompt)
{
    const Constitution *c = &run->constitution;
    Text t = { 0 };
    text_add(&t, "%s", c->comparison_examples.s ? c->comparison_examples.s : "");
    if (run->label.plain) layout_choice(&t, prompt, c->comparison[i].choose, "", "");
    else layout_thought(&t, prompt, c->comparison[i].choose, "", "");
    text_add(&t, "%s", run->label.plain ? "" : THOUGHT_END);
    int n = tokens_of(run, t.s);
    free(t.s);
    return n;
}

/* Only a run that is yet to be trained can have another context. */
static const char *what_to_do(const Run *run)
{
    int trained = is_there(run_path(run, "base.bin").s)
                  || (run->tok && !is_there(run_path(run, "tokenizer.bin").s)); /* --base */
    return trained ? "" : ", or begin in another --out with a larger --context";
}

/* n tokens are too many: are they the worked examples before it, or the text itself? */
static void check_principle(const Run *run, const Principle *p, int n, const Text *examples,
                            const Place *at)
{
    int in_examples = examples->n ? tokens_of(run, examples->s) : 0;
    const char *least = run->tok ? "" : "more than ";
    if (n < run->model.context) return;
    if (n - in_examples < run->model.context)
        die(EXIT_INPUT,
            "%s:%d: the worked examples from here on come to %s%d tokens, with principle %.40s and "
            "the shortest request to %d, the context has %d; take some out%s",
            at->path, at->line, least, in_examples, p->id, n, run->model.context, what_to_do(run));
    die(EXIT_INPUT,
        "%s:%d: principle %.40s comes to %s%d tokens with the shortest request, the context has "
        "%d; shorten it%s",
        p->path, p->line, p->id, least, n, run->model.context, what_to_do(run));
}

static void check_longest(const Run *run, const Texts *prompt, int longest, int needs)
{
    const Constitution *c = &run->constitution;
    const Text *examples[] = { &c->critique_examples, &c->comparison_examples };
    const Place *at[] = { &c->critique_example, &c->comparison_example };
    for (int k = 0; k < 2; k++) {
        int n = examples[k]->n ? tokens_of(run, examples[k]->s) : 0;
        if (n > needs / 2)
            die(EXIT_INPUT,
                "%s:%d: the worked examples from here on come to %d tokens, with the prompt at "
                "%s:%d to %d or more, the context has %d; take some out%s",
                at[k]->path, at[k]->line, n, prompt->path, prompt->line[longest], needs,
                run->model.context, what_to_do(run));
    }
    die(EXIT_INPUT,
        "%s:%d: this comes to %d tokens or more under every principle, the context has %d; "
        "shorten it, leave it out with --too-long skip%s",
        prompt->path, prompt->line[longest], needs, run->model.context, what_to_do(run));
}

/* What a prompt may come to at most, under the principles that are longest. */
static int may_come_to(const Run *run, const int principle[2], const char *prompt)
{
    return max_int(critique_tokens(run, principle[0], prompt) + run->max_new + MAX_CRITIQUE,
                   comparison_tokens(run, principle[1], prompt) + 2 * run->max_new
                       + (run->label.plain ? 0 : MAX_THOUGHT));
}

/* The longest red-team prompt: what it comes to under the shortest principle, if the model writes
 * nothing, must fit. What it may come to at most is told if it does not; with --too-long skip or
 * cut, prompts for which that is too much are no part of the run. */
static void check_longest_prompt(Run *run)
{
    const Constitution *c = &run->constitution;
    Texts prompt = load_conversations(records_read(&run->records, "data/redteam.jsonl").s);
    int longest = 0, n_longest = 0, least[2] = { INT_MAX, INT_MAX }, most[2] = { 0, 0 };
    int widest[2] = { 0, 0 }, around = 0;
    for (int i = 0; i < prompt.n; i++) {
        int n = tokens_of(run, prompt.s[i]);
        if (n > n_longest) longest = i, n_longest = n;
    }
    for (int i = 0; i < c->n_critiques + c->n_comparisons; i++) {
        int k = i >= c->n_critiques;
        int n = k ? comparison_tokens(run, i - c->n_critiques, prompt.s[longest])
                  : critique_tokens(run, i, prompt.s[longest]);
        if (n > most[k]) most[k] = n, widest[k] = k ? i - c->n_critiques : i;
        least[k] = min_int(least[k], n);
    }
    int needs = max_int(least[0], least[1]), context = run->model.context;
    int may = may_come_to(run, widest, prompt.s[longest]);
    int stops = strcmp(run->too_long, "stop") == 0;
    for (int i = 0; i < prompt.n && !stops; i++)
        around =
            max_int(around, may_come_to(run, widest, prompt.s[i]) - tokens_of(run, prompt.s[i]));
    run->max_prompt = stops ? 0 : max_int(1, context - around);
    if (stops && needs >= context) check_longest(run, &prompt, longest, needs);
    if (stops && may > context && !run->quiet)
        fprintf(stderr,
                "cai: %s:%d: with the longest answers this comes to %d tokens, the context has %d; "
                "the run ends where that happens\n",
                prompt.path, prompt.line[longest], may, context);
    texts_free(&prompt);
}

/* Each principle in its layouts, around an empty request and empty answers: what any request comes
 * to at least. With the tokenizer the longest prompt, too. */
void check_principles(Run *run)
{
    const Constitution *c = &run->constitution;
    Text prompt = { 0 };
    layout_human(&prompt, "");
    for (int i = 0; i < c->n_critiques; i++)
        check_principle(run, &c->critique[i], critique_tokens(run, i, prompt.s),
                        &c->critique_examples, &c->critique_example);
    for (int i = 0; i < c->n_comparisons; i++)
        check_principle(run, &c->comparison[i], comparison_tokens(run, i, prompt.s),
                        &c->comparison_examples, &c->comparison_example);
    free(prompt.s);
    if (run->tok && is_there(run_path(run, "data/redteam.jsonl").s)) check_longest_prompt(run);
}

// ------------------------------------------------------------------------------------
// The plan

/* What stage k reads is there, or will be written by a stage before it. */
static void check_there(const Run *run, Plan plan, int k)
{
    StageFiles files = stage_files(run, k);
    for (int i = 0; files.reads[i]; i++) {
        Path path = run_path(run, files.reads[i]);
        int writer = writer_of(files.reads[i]);
        if ((writer < plan.first || writer >= k) && !is_there(path.s))
            die(EXIT_INPUT,
                "%s: is not there, and the stage %s reads it; make it with --from %s, or put yours "
                "there",
                path.s, STAGES[k].name, STAGES[writer].name);
    }
}

/* The person's own among them can be read. */
static void check_own_files(Run *run, Plan plan, int k)
{
    StageFiles files = stage_files(run, k);
    Model *reader = reader_of(run, plan, k);
    for (int i = 0; files.reads[i]; i++)
        if (writer_of(files.reads[i]) < plan.first
            && !record_of(&run->records, NULL, files.reads[i]))
            check_own_file(run, files.reads[i], STAGES[k].name, reader);
    model_free(reader);
}

/* A file of no stage may be written over only if this program wrote it. */
static void check_run_file(Run *run, const char *name)
{
    check_outputs(&run->records, (StageFiles){ .stage = "run", .writes = { name } });
}

static int in_plan(Plan plan, const char *stage)
{
    return plan.first <= stage_index(stage) && stage_index(stage) <= plan.to;
}

/* Nothing of the person's own would be written over. */
static void check_all_outputs(Run *run, const Inputs *in, Plan plan)
{
    for (int k = plan.first; k <= plan.to; k++)
        if (is_made(plan, k)) check_outputs(&run->records, stage_files(run, k));
    check_run_file(run, "metrics.tsv");
    if (!is_copied(run, &in->town, 0)) check_run_file(run, copy_name("town", 0).s);
    if (in->text.path.n && !is_copied(run, &in->text, 0))
        check_run_file(run, copy_name("text", 0).s);
    for (int i = 0; i < in->constitution.path.n; i++)
        if (!is_copied(run, &in->constitution, i))
            check_run_file(run, copy_name("constitution", i).s);
}

void inputs_check(Run *run, const Inputs *in, Plan plan)
{
    for (int k = 0; k < plan.first; k++) check_inputs(&run->records, stage_files(run, k));
    if (!plan.elsewhere) check_all_outputs(run, in, plan);
    kernels_check(run);
    for (int k = plan.first; k <= plan.to; k++)
        if (is_made(plan, k)) check_there(run, plan, k);
    for (int k = plan.first; k <= plan.to; k++)
        if (is_made(plan, k)) check_own_files(run, plan, k);
    int asks = in_plan(plan, "revise") || in_plan(plan, "feedback"); /* they read redteam.jsonl */
    if (strcmp(run->too_long, "stop")) asks |= in_plan(plan, "rl");
    if (asks && plan.first > stage_index("tokenizer") && !run->tok) load_tokenizer(run, 0);
    if (asks) check_principles(run);
}
