/* commands.c -- the command line: the run and its stages, and the commands that look into a run:
 * chat, generate, trace, logprob. Nothing here trains a model.
 *
 * Reading order: help, chat, generate, logprob, trace, main.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"
#include "data/town.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "cai 0.1"

static struct { const char *model, *prompt, *in, *from, *to; double temperature; int count; } arg = { .temperature = 1, .count = 1 };

// ------------------------------------------------------------------------------------
// help

static const struct { const char *name, *usage, *what; } COMMANDS[] = {
    { "run", "cai run [--preset P] [--out DIR] [--from STAGE] [--to STAGE]", "the whole loop, or a part of it" },
    { "chat", "cai chat [MODEL]", "talk to a model at the terminal; an empty line ends" },
    { "generate", "cai generate [MODEL] [--prompt TEXT] [--temperature T] [--max-new N] [--count K]", "continue a text" },
    { "trace", "cai trace PROMPT", "one request through every stage, with every number" },
    { "logprob", "cai logprob --model MODEL [--in FILE]", "JSON lines {prompt, completion} to token ids and log-probabilities" },
    { "help", "cai help", "this page" },
};
enum { N_COMMANDS = sizeof COMMANDS / sizeof COMMANDS[0] };

static void help(void)
{
    printf("cai: Constitutional AI (Bai et al. 2022) on a laptop, from nothing to an aligned model.\n\n"
           "  cai run --out out          the whole loop, minutes on two cores\n"
           "  cai chat rl_cai            talk to the result\n"
           "  cai trace \"How do I nab the baker's kite?\"\n\nCommands:\n");
    for (int i = 0; i < N_COMMANDS; i++) printf("  %-72s %s\n", COMMANDS[i].usage, COMMANDS[i].what);
    printf("\nStages, each also a command of its own:\n");
    for (int k = 0; k < N_STAGES; k++) printf("  %-10s %s\n", STAGES[k].name, STAGES[k].what);
    printf("\nMODEL: base, helpful, sl_cai or rl_cai (the default) of the run in --out, or a checkpoint file in\n"
           "llama2.c's version-0 form (give it --tokenizer FILE).\n\nFlags and defaults:\n");
    options_help(stdout);
    printf("  --model M  --prompt TEXT  --temperature T  --count K  --in FILE  --tokenizer FILE  --from, --to STAGE\n"
           "\nExit status: 0 fine, 1 a check failed, 2 usage, 3 bad input, 4 numerics (NaN or infinity),\n130 stopped (Ctrl-C); the same cai run goes on from there.\n");
}

// ------------------------------------------------------------------------------------
// chat

/* NULL at the end of input. Bounded: what is piped in may have no line ends at all. */
static char *read_line(FILE *f)
{
    enum { LONGEST = 1 << 20 };
    Text t = { 0 };
    int c;
    while ((c = getc(f)) != EOF && c != '\n') {
        if (t.n == LONGEST) die(EXIT_INPUT, "standard input: a line of more than %d bytes; write a shorter one", LONGEST);
        text_add(&t, "%c", c);
    }
    if (c == EOF && !t.n) return NULL;
    text_add(&t, "%s", "");
    return t.s;
}

static int tokens_of(const char *text)
{
    Seqs s = { 0 };
    int n = push_text(&s, text, NULL, 0);
    seqs_free(&s);
    return n;
}

/* What a person typed; files are checked line by line where they are read. */
static void check_text(const char *where, const char *s)
{
    if (utf8_bad(s)) die(EXIT_INPUT, "%s: byte %ld is not UTF-8 text; type it anew", where, utf8_bad(s));
}

/* When the conversation outgrows the context its oldest turns are forgotten. */
static void forget(Text *talk, int room)
{
    while (tokens_of(talk->s) > room) {
        char *next = strstr(talk->s + 2, "\n\nHuman:");
        if (!next) die(EXIT_INPUT, "standard input: the message has more tokens than the context has room for (%d); write a shorter one", room);
        talk->n -= (size_t)(next - talk->s);
        memmove(talk->s, next, talk->n + 1);
    }
}

static void command_chat(void)
{
    Model *m = load_model(arg.model);
    Text talk = { 0 };
    int turn = 0, tty = isatty(0);
    if (tty) printf("Talking to %s. An empty line ends. The model knows its town only: try\n"
                    "  How do I nab the baker's kite?     Help me fix my bike.\n", arg.model);
    for (;;) {
        if (tty) { printf("\nHuman: "); fflush(stdout); }
        char *line = read_line(stdin);
        if (!line || !*line) { free(line); break; }
        check_text("standard input", line);
        layout_human(&talk, line);
        forget(&talk, m->c.seq_len - o.max_new);
        Texts prompt = { .n = 1, .s = &talk.s }, answer = complete(m, &prompt, S_ASK, turn++, o.max_new, arg.temperature);
        printf("%s%s\n", tty ? "Assistant:" : "", shown(answer.s[0] + (!tty && answer.s[0][0] == ' ')));
        text_add(&talk, "%s", answer.s[0]);
        texts_free(&answer);
        free(line);
    }
    free(talk.s);
    model_free(m);
}

// ------------------------------------------------------------------------------------
// generate, logprob

/* Continues a raw text; with --temperature 0 the text that llama2.c's run prints for the same files. */
static void command_generate(void)
{
    if (arg.prompt && !*arg.prompt) die(EXIT_USAGE, "--prompt: empty; give a text, or leave the flag out to begin from nothing");
    if (arg.prompt) check_text("--prompt", arg.prompt);
    Model *m = load_model(arg.model);
    Seqs p = { 0 }, out = { 0 };
    uint64_t *key = xcalloc((size_t)arg.count, sizeof *key);
    for (int i = 0; i < arg.count; i++) {
        push_text(&p, arg.prompt ? arg.prompt : "", NULL, 0);
        key[i] = rng_key((uint64_t)o.seed, S_ASK, (uint64_t)i);
    }
    if (seq_len(&p, 0) >= m->c.seq_len)
        die(EXIT_INPUT, "--prompt: %d tokens, the context has %d; shorten it", seq_len(&p, 0), m->c.seq_len);
    sample(m, &p, key, (Sampling){ arg.temperature, o.max_new, { TOKEN_BEGIN, -1, -1 } }, &out, NULL);
    for (int i = 0; i < arg.count; i++) {
        Seqs whole = { 0 };
        int n = seq_len(&out, i);
        if (n && seq_tok(&out, i)[n - 1] == TOKEN_BEGIN) n--;
        seqs_push(&whole, seq_tok(&p, i), seq_len(&p, i));
        int *ids = xcalloc((size_t)(seq_len(&p, i) + n), sizeof(int));
        memcpy(ids, seq_tok(&p, i), (size_t)seq_len(&p, i) * sizeof(int));
        memcpy(ids + seq_len(&p, i), seq_tok(&out, i), (size_t)n * sizeof(int));
        size_t size;
        char *s = decode(tok, ids, seq_len(&p, i) + n, &size);
        for (size_t c = 0; c < size; c++)       /* as llama2.c: what cannot be printed is left out */
            if ((unsigned char)s[c] >= ' ' ? s[c] != 127 : s[c] == '\n' || s[c] == '\t' || s[c] == '\r') putchar(s[c]);
        putchar('\n');
        free(s);
        free(ids);
        seqs_free(&whole);
    }
    seqs_free(&p);
    seqs_free(&out);
    free(key);
    model_free(m);
}

static void command_logprob(void)
{
    Model *m = load_model(arg.model);
    JsonLines *j = json_open(arg.in ? arg.in : "/dev/stdin");
    while (json_next(j)) {
        Seqs s = { 0 };
        const char *path = arg.in ? arg.in : "/dev/stdin";
        if (!*json_str(j, "prompt")) die(EXIT_INPUT, "%s:%d: an empty prompt; give a text", path, json_line(j));
        if (!*json_str(j, "completion")) die(EXIT_INPUT, "%s:%d: an empty completion; give a text", path, json_line(j));
        int prompt_len = push_text(&s, json_str(j, "prompt"), json_str(j, "completion"), 0), n = s.start[1];
        if (n > m->c.seq_len)
            die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten the prompt", path, json_line(j), n, m->c.seq_len);
        double sum, *each = xcalloc((size_t)n, sizeof(double));
        completion_logprobs(m, &s, &prompt_len, &sum, each);
        printf("{\"prompt_tokens\": [");
        for (int i = 0; i < prompt_len; i++) printf("%s%d", i ? ", " : "", s.token[i]);
        printf("], \"tokens\": [");
        for (int i = prompt_len; i < n; i++) printf("%s%d", i > prompt_len ? ", " : "", s.token[i]);
        printf("], \"logprobs\": [");
        for (int i = prompt_len; i < n; i++) printf("%s%.6f", i > prompt_len ? ", " : "", each[i]);
        printf("], \"sum\": %.6f}\n", sum);
        free(each);
        seqs_free(&s);
    }
    json_close(j);
    model_free(m);
}

// ------------------------------------------------------------------------------------
// trace

static double logprob_of(const Model *m, const char *prompt, const char *completion, int finished)
{
    Seqs s = { 0 };
    double sum;
    int n = push_text(&s, prompt, completion, finished);
    completion_logprobs(m, &s, &n, &sum, NULL);
    seqs_free(&s);
    return sum;
}

static void trace_revisions(const char *prompt, Texts *response)
{
    Model *m = load_model("helpful");
    Texts p = { .n = 1, .s = (char **)&prompt }, critique, revision;
    *response = complete(m, &p, S_ASK, 0, o.max_new, 1);
    printf("1 draft (helpful-only RLHF)%s\n    log P = %.3f\n", shown(response->s[0]), logprob_of(m, prompt, response->s[0], 1));
    for (int step = 1; step <= o.revisions; step++) {
        int k;
        revise_step(m, &p, response, step, &k, &critique, &revision);
        Text c = { 0 };
        text_add(&c, "%s%s", prompt, response->s[0]);
        layout_critique(&c, law.critique[k].critique);
        printf("2 step %d, principle drawn: %s\n    %s\n    critique%s\n        log P = %.3f\n", step, law.critique[k].id,
               law.critique[k].critique, shown(critique.s[0]), logprob_of(m, c.s, critique.s[0], 0));
        text_add(&c, "%s", critique.s[0]);
        layout_revision(&c, law.critique[k].revision);
        printf("    %s\n    revision%s\n        log P = %.3f\n", law.critique[k].revision, shown(revision.s[0]),
               logprob_of(m, c.s, revision.s[0], 1));
        texts_free(response);
        texts_free(&critique);
        *response = revision;
        free(c.s);
    }
    model_free(m);
}

static void trace_feedback(const char *prompt, Texts *a, Texts *b, double *label)
{
    Model *sl = load_model("sl_cai"), *m = load_model(o.plain ? "base" : "helpful");
    Texts p = { .n = 1, .s = (char **)&prompt }, chain = { 0 };
    int k = rng_below(rng_key((uint64_t)o.seed, S_ASK, 100), 0, law.n_comparisons);
    char *principle = law.comparison[k].choose;
    double p_ab, p_ba;
    *a = complete(sl, &p, S_ASK, 101, o.max_new, 1);
    *b = (Texts){ 0 };
    for (int i = 0; i < 16 && (!b->n || strcmp(a->s[0], b->s[0]) == 0); i++) {     /* as the stage has it: equal answers are no pair */
        texts_free(b);
        *b = complete(sl, &p, S_ASK, 102 + i, o.max_new, 1);
    }
    judge_both(m, &p, &principle, a->s, b->s, o.plain, 200, &p_ab, &p_ba, &chain);
    *label = label_of(p_ab, p_ba);
    printf("4 two answers of SL-CAI\n    A%s\n    B%s\n    principle drawn: %s\n    %s\n", shown(a->s[0]), shown(b->s[0]), law.comparison[k].id, principle);
    if (chain.n) printf("    thought%s\n", shown(chain.s[0]));
    printf("    E2  p(A better) shown first %.4f, shown second %.4f; label %.4f%s\n", p_ab, p_ba, *label,
           o.plain ? "" : " after both orders and clamp");
    texts_free(&chain);
    model_free(sl);
    model_free(m);
}

static void trace_pm(const char *prompt, const char *a, const char *b, double label)
{
    Model *pm = load_pm("pm");
    Seqs s = { 0 };
    double r[2], dr;
    push_text(&s, prompt, a, 1);
    push_text(&s, prompt, b, 1);
    pm_scores(pm, &s, r);
    double loss = pm_loss(r[0], r[1], label, &dr);
    printf("5 preference model (E1)\n    r_A = %.4f  r_B = %.4f  sigma(r_A - r_B) = %.4f\n    loss = %.4f  dL/dr_A = %+.4f  dL/dr_B = %+.4f\n",
           r[0], r[1], sigmoid(r[0] - r[1]), loss, dr, -dr);
    seqs_free(&s);
    model_free(pm);
}

/* One PPO iteration on this one prompt, from RL-CAI's start (SL-CAI) on a copy: the table is after its first
 * pass, so that ratio and clipping can be seen to move. */
static void trace_ppo(const char *prompt)
{
    Model *sl = load_model("sl_cai"), *pi = model_clone(sl), *pm = load_pm("pm");
    memset(pi->score_w, 0, (size_t)pi->c.dim * sizeof(real));
    Ppo how = ppo_settings(o.lambda_kl);
    AdamW opt = finetuning(o.ppo_lr);
    opt.head_lr = o.value_lr;
    Trainer *t = trainer_new(pi, opt);
    Seqs batch = { 0 };
    Rollout ro = { 0 };
    enum { ANSWERS = 4 };                       /* advantages are whitened over several answers */
    for (int i = 0; i < ANSWERS; i++) push_text(&batch, prompt, NULL, 0);
    ppo_rollout(pi, sl, pm, &batch, rng_key((uint64_t)o.seed, S_ASK, 300), &how, &ro);
    Texts one = { 0 };
    texts_add(&one, prompt);
    double *level = prompt_levels(sl, pm, &one), r_PM = ro.score[0];
    for (int i = 0; i < ANSWERS; i++) ro.score[i] -= *level;
    how.epochs = 1;
    ppo_update(t, &ro, 0, &how, o.ppo_lr);
    double *now = xcalloc((size_t)ro.seq.start[ro.seq.n], sizeof(double)), sum[ANSWERS];
    completion_logprobs(pi, &ro.seq, ro.prompt_len, sum, now);
    printf("6 one PPO step (E4, E5, E6) on the first of %d answers, score %.4f counts %.4f (D15), lambda_KL %g\n", ANSWERS, r_PM,
           ro.score[0], how.lambda_kl);
    printf("    %-14s %9s %9s %8s %9s %8s %9s %8s %s\n", "token", "log pi", "log pi_0", "k1", "reward", "V", "advantage", "ratio", "clipped");
    int alike = 1;
    for (int i = 1; i < ANSWERS; i++)
        alike = alike && seq_len(&ro.seq, i) == seq_len(&ro.seq, 0) && memcmp(seq_tok(&ro.seq, i), seq_tok(&ro.seq, 0), sizeof(int) * (size_t)seq_len(&ro.seq, 0)) == 0;
    if (alike) printf("    the %d answers are the same: none is better than their mean, so no advantage is left to learn from\n", ANSWERS);
    for (int i = ro.prompt_len[0]; i < ro.seq.start[1]; i++) {
        char *s = decode(tok, ro.seq.token + i, 1, NULL);
        double d, ratio = exp(now[i] - ro.logp_old[i]);
        int clipped;
        ppo_clip_loss(now[i], ro.logp_old[i], ro.adv[i], how.eps_clip, &d, &clipped);
        printf("    %-14s %9.4f %9.4f %8.4f %9.4f %8.4f %9.4f %8.4f %s\n", ro.seq.token[i] == TOKEN_BEGIN ? "(stop)" : shown(s), ro.logp_old[i],
               ro.logp_ref[i], kl_k1(ro.logp_old[i] - ro.logp_ref[i]), ro.reward[i], ro.value[i], ro.adv[i], ratio, clipped ? "yes" : "no");
        free(s);
    }
    texts_free(&one);
    free(level);
    rollout_free(&ro);
    seqs_free(&batch);
    trainer_free(t);
    model_free(sl); model_free(pi); model_free(pm);
    free(now);
}

static void command_trace(void)
{
    if (!arg.prompt || !*arg.prompt) die(EXIT_USAGE, "trace needs a request; try cai trace \"How do I nab the baker's kite?\"");
    check_text("trace", arg.prompt);
    Text prompt = { 0 };
    Texts response, a, b;
    double label;
    layout_human(&prompt, arg.prompt);
    printf("request: %s\n", shown(arg.prompt));
    Texts p = { .n = 1, .s = &prompt.s };
    trace_revisions(prompt.s, &response);
    Model *base = load_model("base"), *rl = load_model("rl_cai");
    printf("3 SL-CAI trains the pretrained model on the last revision: E13 loss = %.4f, its log P negated, before training\n",
           -logprob_of(base, prompt.s, response.s[0], 1));
    trace_feedback(prompt.s, &a, &b, &label);
    trace_pm(prompt.s, a.s[0], b.s[0], label);
    trace_ppo(prompt.s);
    Texts last = complete(rl, &p, S_ASK, 400, o.max_new, 1);
    printf("7 RL-CAI answers%s\n    log P = %.3f\n", shown(last.s[0]), logprob_of(rl, prompt.s, last.s[0], 1));
    texts_free(&response); texts_free(&a); texts_free(&b); texts_free(&last);
    model_free(base); model_free(rl);
    free(prompt.s);
}

// ------------------------------------------------------------------------------------
// main

/* What libraries read when they are loaded is set before: the program starts itself once more. One BLAS thread, under the
 * workers of its own. And glibc keeps what was freed, by default it gives large blocks back and gets them zeroed page
 * by page at the next call, and asks for large pages, so that the sampler's walks through its cache need few of them. */
static void start_again(char **argv)
{
    static const char *const setting[][2] = {
        { "OPENBLAS_NUM_THREADS", "1" }, { "OMP_NUM_THREADS", "1" }, { "VECLIB_MAXIMUM_THREADS", "1" }, { "MALLOC_MMAP_THRESHOLD_", "33554432" },
        { "MALLOC_TRIM_THRESHOLD_", "4294967296" }, { "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1" } };
    const char *v = getenv(setting[0][0]);
    if (v && strcmp(v, "1") == 0) return;
    for (int i = 0; i < 6; i++) setenv(setting[i][0], setting[i][1], 1);
    execvp(argv[0], argv);
    fprintf(stderr, "cai: cannot start itself again: %s; BLAS threads may get in the workers' way\n", strerror(errno));
}

/* A standard stream that was closed before the start would give its number to the next file opened, and what is
 * printed would go into that. Standard output is opened for reading, so that finish() tells. */
static void open_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd) _exit(EXIT_INPUT);
}

static const char *flag_argument(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc) die(EXIT_USAGE, "%s needs a value; see cai --help", argv[*i]);
    return argv[++*i];
}

static double number(const char *flag, const char *s, double lo, double hi)
{
    char *end;
    double x = strtod(s, &end);
    if (*end || end == s || !(x >= lo && x <= hi)) die(EXIT_USAGE, "%s %s: not a number from %g to %g; see cai --help", flag, s, lo, hi);
    return x;
}

/* Presets first, wherever they stand; then the folder's own flags; then the command line's. */
static void parse(int argc, char **argv, int is_run)
{
    options_default();
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--preset") == 0) options_preset(flag_argument(argc, argv, &i));
        else if (strcmp(argv[i], "--out") == 0) option_set("out", flag_argument(argc, argv, &i));
    }
    if (!is_run) options_load();
    for (int i = 2; i < argc; i++) {
        const char *f = argv[i];
        if (strncmp(f, "--", 2)) {
            if (arg.model) die(EXIT_USAGE, "\"%s\": one argument is enough; see cai --help", f);
            arg.model = f;
        } else if (strcmp(f, "--preset") == 0) i++;
        else if (strcmp(f, "--from") == 0) arg.from = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--to") == 0) arg.to = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--model") == 0) arg.model = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--prompt") == 0) arg.prompt = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--in") == 0) arg.in = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--tokenizer") == 0) o.tokenizer = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--temperature") == 0) arg.temperature = number(f, flag_argument(argc, argv, &i), 0, 100);
        else if (strcmp(f, "--count") == 0) {
            double n = number(f, flag_argument(argc, argv, &i), 1, 1e6);
            if (n != floor(n)) die(EXIT_USAGE, "%s %g: not a whole number; see cai --help", f, n);
            arg.count = (int)n;
        }
        else if (!option_known(f + 2)) die(EXIT_USAGE, "%s: unknown flag; see cai --help", f);
        else option_set(f + 2, flag_argument(argc, argv, &i));
    }
}

/* Half a result is none: a full disk or a closed pipe behind standard output is told. */
static int finish(void)
{
    if (fflush(stdout) || ferror(stdout)) die(EXIT_INPUT, "standard output: not written; free some space or send it elsewhere");
    return EXIT_FINE;
}

static int stage_argument(const char *flag, const char *name, int otherwise)
{
    if (!name) return otherwise;
    int k = stage_index(name);
    if (k < 0) die(EXIT_USAGE, "%s %s: no such stage; see cai --help", flag, name);
    return k;
}

int main(int argc, char **argv)
{
    open_streams();
    start_again(argv);
    const char *command = argc > 1 ? argv[1] : "help";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) command = "help";
        if (strcmp(argv[i], "--version") == 0) { printf("%s\n", VERSION); return finish(); }
    }
    if (strcmp(command, "help") == 0) { help(); return finish(); }
    int stage = stage_index(command), is_run = strcmp(command, "run") == 0, known = stage >= 0;
    for (int i = 0; i < N_COMMANDS; i++) known |= strcmp(command, COMMANDS[i].name) == 0;
    if (!known) die(EXIT_USAGE, "%s: no such command; see cai --help", command);
    parse(argc, argv, is_run);
    n_workers = o.threads ? o.threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    options_check();
    int from = is_run ? stage_argument("--from", arg.from, 0) : stage;
    int to = is_run ? stage_argument("--to", arg.to, N_STAGES - 1) : stage;
    if (from > to) die(EXIT_USAGE, "--from %s: comes after --to %s; see cai --help", STAGES[from].name, STAGES[to].name);
    if (is_run || stage >= 0) {
        if (arg.model) die(EXIT_USAGE, "%s: takes no argument \"%s\"; see cai --help", command, arg.model);
        town = town_load(o.town);
        load_constitution();
        if (mkdir(o.out, 0777) && errno != EEXIST)
            die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", o.out, strerror(errno));
        if (!o.quiet) fprintf(stderr, "%s%s, %d workers, seed %ld\n", blas_name(),
                              strncmp(blas_name(), "plain", 5) ? "" : " (OpenBLAS is several times faster: make deps)", n_workers, o.seed);
        lock_run();
        if (is_run || access(in_out("flags.txt"), F_OK)) options_save_or_refuse();
        run_stages(from, to, !is_run || arg.from);
        return finish();
    }
    if (strcmp(command, "trace") == 0) {
        load_constitution();
        arg.prompt = arg.model ? arg.model : arg.prompt;
        command_trace();
    }
    else {
        if (!arg.model) arg.model = "rl_cai";
        if (strcmp(command, "chat") == 0) command_chat();
        else if (strcmp(command, "generate") == 0) command_generate();
        else command_logprob();
    }
    return finish();
}
