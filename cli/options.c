/* cli/options.c -- every constant of a run is a flag: its default, its range, where it comes from. Presets are
 * lists of flags; a run's folder keeps its flags, and a run with others is refused there.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/options.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { const char *name; char type; size_t at; const char *value; double lo, hi; const char *what; } Flag;

/* Values without a source in the text are toy choices, found by measuring (docs/notes/settings.md). */
#define AT(field) offsetof(Run, field)
static const Flag FLAGS[] = {
    { "seed", 'l', AT(seed), "1", 0, 1e15, "of every random draw" },
    { "out", 's', AT(folder), "out", 0, 0, "folder of the run" },
    { "town", 's', AT(town), "data/town.txt", 0, 0, "the toy world" },
    { "constitution", 's', AT(constitution_files), "data/constitution.txt", 0, 0,
      "the principles; FILE,FILE: of several files" },
    { "threads", 'i', AT(threads), "0", 0, 256,
      "workers, 0 = one a core; results do not depend on it" },
    { "quiet", 'i', AT(quiet), "0", 0, 1, "1: no progress on standard error" },
    { "save-every", 'd', AT(save_every), "30", 0, 1e6,
      "seconds between states of a training loop, 0 = every step" },
    { "dim", 'i', AT(model.dim), "128", 8, 4096, "model width C" },
    { "hidden", 'i', AT(model.hidden), "256", 8, 16384, "feed-forward width F" },
    { "layers", 'i', AT(model.layers), "2", 1, 64, "transformer layers L" },
    { "heads", 'i', AT(model.heads), "4", 1, 64, "query heads H" },
    { "kv-heads", 'i', AT(model.kv_heads), "4", 1, 64, "key/value heads K" },
    { "vocab", 'i', AT(model.vocab), "1384", 300, 32000, "tokenizer pieces V" },
    { "superwords", 'i', AT(model.superwords), "72", 0, 16000,
      "of these, pieces that may hold up to three words" },
    { "context", 'i', AT(model.context), "320", 64, 4096, "longest sequence in tokens" },
    { "corpus", 'l', AT(data.corpus), "18000", 10, 1e8, "pretraining documents, each seen once" },
    { "all-words", 'i', AT(pretrain.all_words), "0", 0, 1,
      "1: pretraining learns what people say, too, not the model's own turns alone (D16)" },
    { "pretrain-batch", 'i', AT(pretrain.batch), "720", 64, 1e6, "tokens a pretraining step" },
    { "pretrain-lr", 'd', AT(pretrain.lr), "2.5e-3", 0, 1e6, "peak learning rate, cosine to 0" },
    { "muon", 'd', AT(pretrain.muon), "0.95", 0, 0.999,
      "momentum of Muon in pretraining, 0: AdamW alone" },
    { "pretrain-warm", 'i', AT(pretrain.warm), "50", 0, 1e6, "warm-up steps" },
    { "weight-decay", 'd', AT(pretrain.weight_decay), "0.01", 0, 10,
      "of pretraining, matrices only" },
    { "redteam", 'i', AT(data.redteam), "768", 8, 1e6, "red-team prompts (paper: 182831; D2)" },
    { "helpful", 'i', AT(data.helpful), "768", 8, 1e6, "helpfulness prompts (paper: 135296)" },
    { "prefs", 'i', AT(data.prefs), "2048", 8, 1e6,
      "human helpfulness comparisons (paper: 135296)" },
    { "agree", 'd', AT(data.agree), "0.9", 0.5, 1,
      "share of people who prefer what the oracle does, the label of human comparisons (D17)" },
    { "ai-prefs", 'i', AT(label.pairs), "2560", 0, 1e7,
      "AI harmlessness comparisons (paper: 182831)" },
    { "pm-lr", 'd', AT(pm.lr), "5e-4", 0, 1e6, "PM learning rate, linear to 0" },
    { "pm-batch", 'i', AT(pm.batch), "16", 1, 1e5, "pairs a PM step" },
    { "revisions", 'i', AT(sl.revisions), "4", 1, 16, "critique and revision steps (paper: 4)" },
    { "sl-lr", 'd', AT(sl.lr), "2e-4", 0, 1e6, "SL-CAI learning rate, constant as in the paper" },
    { "sl-batch", 'i', AT(sl.batch), "32", 1, 1e5, "sequences an SL step" },
    { "final-only", 'i', AT(sl.final_only), "0", 0, 1, "1: finetune on the last revisions only" },
    { "judge", 's', AT(label.judge), "self", 0, 0,
      "self, or random: the control that must teach nothing" },
    { "plain", 'i', AT(label.plain), "0", 0, 1,
      "1: labels without chain of thought, not clamped (D11)" },
    { "chains", 'i', AT(label.chains), "1", 1, 64, "chains of thought averaged in a label" },
    { "principles", 'i', AT(label.principles), "1", 1, 64,
      "principles averaged in a label (paper: 1)" },
    { "both-orders", 'i', AT(label.both_orders), "1", 0, 1,
      "1: average a label over both orders (D4)" },
    { "hard", 'i', AT(label.hard), "0", 0, 1, "1: hard labels" },
    { "clamp-lo", 'd', AT(label.clamp_lo), "0.4", 0, 0.5,
      "clamp of chain-of-thought labels (paper: 0.4)" },
    { "clamp-hi", 'd', AT(label.clamp_hi), "0.6", 0.5, 1,
      "clamp of chain-of-thought labels (paper: 0.6)" },
    { "helpful-iters", 'i', AT(helpful.iters), "9", 0, 1e6, "PPO iterations of helpful-only RLHF" },
    { "rl-iters", 'i', AT(rl.iters), "20", 0, 1e6, "PPO iterations of RL-CAI" },
    { "ppo-batch", 'i', AT(ppo.batch), "256", 1, 1e5, "answers an iteration" },
    { "ppo-epochs", 'i', AT(ppo.epochs), "2", 1, 100,
      "passes over an iteration's answers (paper: 1 to 4)" },
    { "ppo-minibatches", 'i', AT(ppo.minibatches), "2", 1, 64, "minibatches a pass" },
    { "ppo-lr", 'd', AT(ppo.lr), "3e-4", 0, 1e6, "PPO learning rate, linear to 0" },
    { "value-lr", 'd', AT(ppo.value_lr), "10", 0, 1e4,
      "times faster the value head learns than the policy: it starts at 0 (D7)" },
    { "helpful-kl", 'd', AT(helpful.lambda_kl), "0.3", 0, 100,
      "lambda_KL of helpful-only RLHF (paper: 0.001; D5)" },
    { "lambda-kl", 'd', AT(rl.lambda_kl), "0.07", 0, 100,
      "lambda_KL of RL-CAI (paper: 0.001; D5)" },
    { "kl-form", 's', AT(ppo.kl_form), "k1-reward", 0, 0,
      "k1-reward or k2-loss; wrong on purpose: k3-loss k1-loss k3-reward abs-reward" },
    { "eps-clip", 'd', AT(ppo.eps_clip), "0.2", 0, 1, "PPO clip width (paper: 0.2)" },
    { "c-v", 'd', AT(ppo.c_v), "0.1", 0, 10, "value loss weight" },
    { "lambda-gae", 'd', AT(ppo.lambda_gae), "1", 0, 1, "GAE lambda (paper: not stated)" },
    { "max-new", 'i', AT(max_new), "40", 1, 4096, "longest answer in tokens (paper: 128)" },
    { "eval", 'i', AT(data.eval), "256", 8, 1e6, "evaluation prompts a set" },
    { "judgements", 'i', AT(data.judgements), "400", 8, 1e6, "held-out judgement items" },
    { "reserved", 'i', AT(data.reserved), "0", 0, 1,
      "1: evaluate the reserved verbs too; not for whoever changes settings" },
};
enum { N_FLAGS = sizeof FLAGS / sizeof FLAGS[0] };

/* A preset is a list of flags, nothing more. */
static const struct { const char *name, *flags, *what; } PRESETS[] = {
    { "demo", "", "the defaults: about a minute on two cores" },
    { "smoke", "dim 32 hidden 64 layers 2 heads 2 kv-heads 1 vocab 400 superwords 30 corpus 300 redteam 16 helpful 16 prefs 32 "
               "helpful-iters 2 rl-iters 2 ppo-batch 8 ppo-epochs 2 eval 8 judgements 8 ai-prefs 24 max-new 16 pm-batch 8 context 768",
      "the whole loop in seconds, for tests; its quality is not judged" },
    { "lecture", "layers 4 corpus 60000 redteam 1024 helpful 1024 prefs 2560 ai-prefs 3200 helpful-iters 24 rl-iters 24", "more of everything" },
};
enum { N_PRESETS = sizeof PRESETS / sizeof PRESETS[0] };

static const Flag *find_flag(const char *name)
{
    for (int i = 0; i < N_FLAGS; i++)
        if (strcmp(FLAGS[i].name, name) == 0) return &FLAGS[i];
    return NULL;
}

/* line: of the folder's flags.txt, where the fault is then; 0: of the command line. */
static _Noreturn void bad_flag(const Run *run, const Flag *f, const char *value, int line, const char *what)
{
    if (line)
        die(EXIT_INPUT, "%s:%d: %s %s: %s; remove the folder and run again", run_path(run, "flags.txt").s, line,
            f->name, value, what);
    die(EXIT_USAGE, "--%s %s: %s; see cai --help", f->name, value, what);
}

static void *field_of(Run *run, const Flag *f) { return (char *)run + f->at; }

static void set_flag(Run *run, const Flag *f, const char *value, int line)
{
    void *at = field_of(run, f);
    char range[80];
    char *end;
    double x = strtod(value, &end);
    if (f->type == 's') {
        if (!*value) bad_flag(run, f, value, line, "an empty value");
        free(*(char **)at);
        *(const char **)at = xstrdup(value);
        return;
    }
    snprintf(range, sizeof range, "not a number from %g to %g", f->lo, f->hi);
    if (*end || end == value || !(x >= f->lo && x <= f->hi)) bad_flag(run, f, value, line, range);
    if (f->type != 'd' && x != floor(x)) bad_flag(run, f, value, line, "not a whole number");
    if (f->type == 'd') *(double *)at = x;
    else if (f->type == 'i') *(int *)at = (int)x;
    else *(long *)at = (long)x;
}

static void flag_value(const Run *run, const Flag *f, char *buf, size_t size)
{
    const void *at = (const char *)run + f->at;
    if (f->type == 's') snprintf(buf, size, "%s", *(const char *const *)at);
    else if (f->type == 'd') {              /* the fewest digits that are read back as the same number */
        double x = *(const double *)at;
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(buf, size, "%.*g", digits, x);
            if (strtod(buf, NULL) == x) break;
        }
    }
    else snprintf(buf, size, "%ld", f->type == 'i' ? (long)*(const int *)at : *(const long *)at);
}

void options_default(Run *run)
{
    for (int i = 0; i < N_FLAGS; i++) set_flag(run, &FLAGS[i], FLAGS[i].value, 0);
}

void options_preset(Run *run, const char *name)
{
    for (int p = 0; p < N_PRESETS; p++) {
        if (strcmp(PRESETS[p].name, name)) continue;
        char *list = xstrdup(PRESETS[p].flags), *save = NULL;
        for (char *k = strtok_r(list, " ", &save); k; k = strtok_r(NULL, " ", &save))
            set_flag(run, find_flag(k), strtok_r(NULL, " ", &save), 0);
        free(list);
        return;
    }
    die(EXIT_USAGE, "--preset %s: no such preset; see cai --help", name);
}

int option_known(const char *name) { return find_flag(name) != NULL; }

void option_set(Run *run, const char *name, const char *value) { set_flag(run, find_flag(name), value, 0); }

void options_help(FILE *f)
{
    for (int i = 0; i < N_PRESETS; i++)
        fprintf(f, "  --preset %-12s %s\n", PRESETS[i].name, PRESETS[i].what);
    for (int i = 0; i < N_FLAGS; i++)
        fprintf(f, "  --%-17s %-9s %s\n", FLAGS[i].name, FLAGS[i].value, FLAGS[i].what);
}

/* Flags that may differ between two calls on the same folder: they do not change its bytes. */
static int free_flag(const Flag *f)
{
    return f->at == AT(folder) || f->at == AT(threads) || f->at == AT(quiet) || f->at == AT(save_every);
}

/* The run's folder holds its flags: commands on a finished run read them, a run with others is refused. */
int options_load(Run *run)
{
    if (access(run_path(run, "flags.txt").s, R_OK)) return 0;
    Path path = records_read(&run->records, "flags.txt");
    char *text = read_text(path.s), *save = NULL;
    int line = 0;
    for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(s, ' ');
        line++;
        if (value) *value++ = 0;
        const Flag *f = find_flag(s);
        if (!f || !value) die(EXIT_INPUT, "%s:%d: not a flag of this program; remove the folder and run again", path.s, line);
        set_flag(run, f, value, line);
    }
    free(text);
    return 1;
}

/* Found here, before a run has written anything, and not by the stage that uses the flag minutes later. */
void options_check(const Run *run)
{
    if (strcmp(run->label.judge, "self") && strcmp(run->label.judge, "random")) die(EXIT_USAGE, "--judge %s: there are self and random", run->label.judge);
    int form = kl_form_index(run->ppo.kl_form);
    if (form < 0) die(EXIT_USAGE, "--kl-form %s: no such form; see cai --help", run->ppo.kl_form);
    if (!kl_forms[form].right)
        fprintf(stderr, "cai: --kl-form %s: %s: ends at %s where k1-reward ends at the optimum %s, rewards 1, 0, -1; "
                "docs/equations.md, \"Where each KL estimator leads\"\n",
                run->ppo.kl_form, kl_forms[form].why, kl_forms[form].ends, kl_forms[0].ends);
    if (run->model.dim % (2 * run->model.heads)) die(EXIT_USAGE, "--dim %d: not a multiple of twice --heads %d; choose others", run->model.dim, run->model.heads);
    if (run->model.heads % run->model.kv_heads) die(EXIT_USAGE, "--heads %d: not a multiple of --kv-heads %d; choose others", run->model.heads, run->model.kv_heads);
    if (run->max_new >= run->model.context)
        die(EXIT_USAGE, "--max-new %d: leaves no room for a prompt in --context %d; choose others", run->max_new, run->model.context);
}

void options_save_or_refuse(const Run *run)
{
    Path path = run_path(run, "flags.txt");
    Text now = { 0 };
    char v[4096];
    for (int i = 0; i < N_FLAGS; i++) {
        if (free_flag(&FLAGS[i])) continue;
        flag_value(run, &FLAGS[i], v, sizeof v);
        text_add(&now, "%s %s\n", FLAGS[i].name, v);
    }
    if (access(path.s, F_OK) == 0) {
        char *then = read_file(path.s, NULL);
        size_t i = 0, line = 0;
        while (then[i] && then[i] == now.s[i]) { if (then[i] == '\n') line = i + 1; i++; }
        if (then[i] != now.s[i]) {
            int was = (int)strcspn(then + line, "\n"), is = (int)strcspn(now.s + line, "\n");
            die(EXIT_USAGE, "%s: this folder's run has --%.*s, this command --%.*s; choose another --out or remove the folder",
                run->folder, was, then + line, is, now.s + line);
        }
        free(then);
    } else {
        FILE *f = create_file(path.s);
        fputs(now.s, f);
        commit_file(f, path.s);
    }
    free(now.s);
}
