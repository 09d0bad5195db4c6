/* cli/options.c -- every constant of a run is a flag: its default, its range, where it comes from.
 * Presets are lists of flags; a run's folder keeps its flags, and a run with others is refused
 * there.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/options.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *name;
    char type;
    size_t at;
    const char *value;
    double lo, hi;
    const char *what;
} Flag;

/* Learning rates are not in the paper's proportion to pretraining's (D22). Values without a
 * source in the text are toy choices, found by measuring (docs/notes/settings.md). Warm-ups:
 * D23. */
#define AT(field) offsetof(Run, field)
// clang-format off
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
    { "corpus", 'l', AT(data.corpus), "18000", 10, 2e6,
      "documents of the town, each read once (a file: at most 1 GiB); or FILE, as --text" },
    { "text", 's', AT(data.text), "", 0, 0,
      "FILE, a text or JSON lines {text}, {messages}: the corpus in the town's place" },
    { "too-long", 's', AT(too_long), "stop", 0, 0,
      "stop, skip or cut: prompts, comparisons and documents beyond the context" },
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
      "share of people who prefer what the oracle does; the label of a comparison (D17)" },
    { "one-person", 'i', AT(data.one_person), "0", 0, 1,
      "1: of each comparison that trains one person is asked, whose choice is a hard label (D17)" },
    { "ai-prefs", 'i', AT(label.pairs), "2560", 0, 1e7,
      "AI harmlessness comparisons (paper: 182831)" },
    { "pm-lr", 'd', AT(pm.lr), "5e-4", 0, 1e6, 
      "PM learning rate, falls linearly to 1/(N - 5) of it at the last of N steps (D23)" },
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
    { "ppo-lr", 'd', AT(ppo.lr), "3e-4", 0, 1e6, 
      "PPO learning rate, falls linearly to 3/N of it at the last of N iterations (D23)" },
    { "value-lr", 'd', AT(ppo.value_lr), "10", 1e-3, 1e4,
      "times faster the value head learns than the policy: it starts at 0 (D7)" },
    { "helpful-kl", 'd', AT(helpful.lambda_kl), "0.3", 0, 100,
      "lambda_KL of helpful-only RLHF (paper: 0.001; D5)" },
    { "lambda-kl", 'd', AT(rl.lambda_kl), "0.07", 0, 100,
      "lambda_KL of RL-CAI (paper: 0.001; D5)" },
    { "kl-form", 's', AT(ppo.kl_form), "k1-reward", 0, 0,
      NULL /* kl_form_names */ },
    { "eps-clip", 'd', AT(ppo.eps_clip), "0.2", 0, 1, "PPO clip width (paper: 0.2)" },
    { "c-v", 'd', AT(ppo.c_v), "0.1", 0, 10, "value loss weight" },
    { "lambda-gae", 'd', AT(ppo.lambda_gae), "1", 0, 1, "GAE lambda (paper: not stated)" },
    { "max-new", 'i', AT(max_new), "40", 1, 4096, "longest answer in tokens (paper: 128)" },
    { "eval", 'i', AT(data.eval), "256", 8, 1e6, "evaluation prompts a set" },
    { "judgements", 'i', AT(data.judgements), "400", 8, 1e6, "held-out judgement items" },
    { "reserved", 'i', AT(data.reserved), "0", 0, 1,
      "1: evaluate the reserved verbs too; not for whoever changes settings" },
};
// clang-format on
enum { N_FLAGS = sizeof FLAGS / sizeof FLAGS[0] };

/* A run that begins with another's helpful model may have others of these (docs/reliability.md has
 * the first file that each flag changes). */
const char LATER_FLAGS[] =
    "constitution revisions sl-lr sl-batch final-only ai-prefs judge plain chains principles "
    "both-orders hard clamp-lo clamp-hi rl-iters lambda-kl reserved";

/* A preset is a list of flags, nothing more. */
// clang-format off
static const struct { const char *name, *flags, *what; } PRESETS[] = {
    { "demo", "", "the defaults: about a minute on two cores" },
    { "smoke",
      "dim 32 hidden 64 layers 2 heads 2 kv-heads 1 vocab 400 superwords 30 context 768 corpus 300 "
      "redteam 16 helpful 16 prefs 32 eval 8 judgements 8 ai-prefs 24 helpful-iters 2 rl-iters 2 "
      "ppo-batch 8 ppo-epochs 2 pm-batch 8 max-new 16",
      "the whole loop in seconds, for tests; its quality is not judged" },
    { "lecture",
      "layers 4 corpus 60000 redteam 1024 helpful 1024 prefs 2560 ai-prefs 3200 helpful-iters 24 "
      "rl-iters 24",
      "more of everything" },
};
// clang-format on
enum { N_PRESETS = sizeof PRESETS / sizeof PRESETS[0] };

// ------------------------------------------------------------------------------------
// One flag

static const Flag *find_flag(const char *name)
{
    for (int i = 0; i < N_FLAGS; i++)
        if (strcmp(FLAGS[i].name, name) == 0) return &FLAGS[i];
    return NULL;
}

/* A word of a list with blanks between, not a part of one. */
int has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *s = list; (s = strstr(s, word)); s += n)
        if ((s == list || s[-1] == ' ') && (s[n] == ' ' || !s[n])) return n > 0;
    return 0;
}

int option_known(const char *name) { return find_flag(name) != NULL; }

/* Flags that may differ between two calls on the same folder: they do not change its bytes. */
static int is_free(const Flag *f)
{
    return f->at == AT(folder) || f->at == AT(threads) || f->at == AT(quiet)
           || f->at == AT(save_every);
}

/* Flags that came after the first folders: flags.txt has them only where they are not as they
 * were before there were such flags. */
static int may_be_missing(const Flag *f) { return f->at == AT(data.text) || f->at == AT(too_long); }

/* line: of the folder's flags.txt, where the fault is then; 0: of the command line. */
static _Noreturn void bad_flag(const Run *run, const Flag *f, const char *value, int line,
                               const char *what)
{
    if (line)
        die(EXIT_INPUT, "%s:%d: %s %.40s: %s; remove the folder and run again",
            run_path(run, "flags.txt").s, line, f->name, value, what);
    die(EXIT_USAGE, "--%s %s: %s; see cai --help", f->name, value, what);
}

/* A line of flags.txt is a flag and its value: a line break would end it, other bytes could not be
 * read back. */
static void set_text(Run *run, const Flag *f, const char *value, int line)
{
    char **at = (char **)((char *)run + f->at);
    if (!*value && *f->value) bad_flag(run, f, value, line, "an empty value");
    int odd = !is_free(f) && utf8_bad(value);
    for (const char *c = value; *c && !is_free(f); c++) odd |= (unsigned char)*c < ' ' || *c == 127;
    if (odd)
        bad_flag(run, f, value, line, "a name with control characters or bytes that are not UTF-8");
    *at = xstrdup(value); /* the old one stays: a copy of the run may have it */
}

static void set_flag(Run *run, const Flag *f, const char *value, int line)
{
    void *at = (char *)run + f->at;
    char range[80], *end;
    if (f->type == 's') {
        set_text(run, f, value, line);
        return;
    }
    double x = strtod(value, &end);
    snprintf(range, sizeof range, "not a number from %g to %g", f->lo, f->hi);
    if (*end || end == value || !(x >= f->lo && x <= f->hi)) bad_flag(run, f, value, line, range);
    if (f->type != 'd' && x != floor(x)) bad_flag(run, f, value, line, "not a whole number");
    if (f->type == 'd') *(double *)at = x;
    else if (f->type == 'i') *(int *)at = (int)x;
    else *(long *)at = (long)x;
}

/* Appends the value. A double has the fewest digits that are read back as the same number. */
static void add_value(Text *t, const Run *run, const Flag *f)
{
    const void *at = (const char *)run + f->at;
    char number[64];
    if (f->type == 's') {
        text_add(t, "%s", *(const char *const *)at);
        return;
    }
    if (f->type == 'd') {
        double x = *(const double *)at;
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(number, sizeof number, "%.*g", digits, x);
            if (strtod(number, NULL) == x) break;
        }
    } else {
        snprintf(number, sizeof number, "%ld",
                 f->type == 'i' ? (long)*(const int *)at : *(const long *)at);
    }
    text_add(t, "%s", number);
}

/* A number of the command line that is no flag of a run. */
double flag_number(const char *flag, const char *value, double lo, double hi, int whole)
{
    char *end;
    double x = strtod(value, &end);
    if (*end || end == value || !(x >= lo && x <= hi))
        die(EXIT_USAGE, "%s %s: not a number from %g to %g; see cai --help", flag, value, lo, hi);
    if (whole && x != floor(x))
        die(EXIT_USAGE, "%s %s: not a whole number; see cai --help", flag, value);
    return x;
}

// ------------------------------------------------------------------------------------
// All flags: defaults, presets, the command line

void options_default(Run *run)
{
    for (int i = 0; i < N_FLAGS; i++) set_flag(run, &FLAGS[i], FLAGS[i].value, 0);
}

static void apply_preset(Run *run, const char *name)
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

void option_set(Run *run, const char *name, const char *value)
{
    set_flag(run, find_flag(name), value, 0);
}

const char *option_given(const Settings *s, const char *name)
{
    const char *value = NULL;
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->set[i].name, name) == 0) value = s->set[i].value;
    return value;
}

void options_apply(Run *run, const Settings *s)
{
    if (s->preset) apply_preset(run, s->preset);
    for (int i = 0; i < s->n; i++) option_set(run, s->set[i].name, s->set[i].value);
}

/* Where the KL penalty acts (E4): the forms that end at the optimum, then the others. */
static Text kl_form_names(void)
{
    Text t = { 0 };
    for (int right = 1; right >= 0; right--) {
        if (!right) text_add(&t, "; wrong on purpose:");
        for (int k = 0; k < N_KL_FORMS; k++)
            if (kl_forms[k].right == right) text_add(&t, "%s%s", t.n ? " " : "", kl_forms[k].name);
    }
    return t;
}

int option_at(int i, OptionLine *o)
{
    if (i >= N_FLAGS) return 0;
    const Flag *f = &FLAGS[i];
    Text forms = kl_form_names();
    *o = (OptionLine){ .name = f->name, .value = *f->value ? f->value : "none" };
    o->is_file = f->at == AT(folder) || f->at == AT(town) || f->at == AT(constitution_files)
                 || f->at == AT(data.text);
    snprintf(o->what, sizeof o->what, "%s", f->what ? f->what : forms.s);
    free(forms.s);
    return 1;
}

int preset_at(int i, OptionLine *o)
{
    if (i >= N_PRESETS) return 0;
    *o = (OptionLine){ .name = PRESETS[i].name, .value = PRESETS[i].flags };
    snprintf(o->what, sizeof o->what, "%s", PRESETS[i].what);
    return 1;
}

void options_help(FILE *f)
{
    OptionLine o;
    for (int i = 0; preset_at(i, &o); i++) fprintf(f, "  --preset %-12s %s\n", o.name, o.what);
    for (int i = 0; option_at(i, &o); i++)
        fprintf(f, "  --%-17s %-9s %s\n", o.name, o.value, o.what);
}

int option_is_switch(const char *name)
{
    const Flag *f = find_flag(name);
    return f && f->type == 'i' && f->lo == 0 && f->hi == 1;
}

/* Found here, before a run has written anything, and not by the stage that uses the flag minutes
 * later. */
void options_check(const Run *run)
{
    const ModelSettings *c = &run->model;
    int learned =
        c->vocab - c->superwords - TOKEN_BYTE - 256; /* pieces that are words or parts of them */
    if (strcmp(run->label.judge, "self") && strcmp(run->label.judge, "random"))
        die(EXIT_USAGE, "--judge %s: there are self and random", run->label.judge);
    if (!has_word("stop skip cut", run->too_long))
        die(EXIT_USAGE, "--too-long %s: there are stop, skip and cut", run->too_long);
    if (kl_form_index(run->ppo.kl_form) < 0)
        die(EXIT_USAGE, "--kl-form %s: no such form; see cai --help", run->ppo.kl_form);
    if (c->dim % (2 * c->heads))
        die(EXIT_USAGE, "--dim %d: not a multiple of twice --heads %d; choose others", c->dim,
            c->heads);
    if (c->heads % c->kv_heads)
        die(EXIT_USAGE, "--heads %d: not a multiple of --kv-heads %d; choose others", c->heads,
            c->kv_heads);
    if (learned < 1)
        die(EXIT_USAGE, "--vocab %d: too few beside --superwords %d; take at least %d", c->vocab,
            c->superwords, c->vocab - learned + 1);
}

void options_check_context(const Run *run)
{
    if (run->max_new >= run->model.context)
        die(EXIT_USAGE, "--max-new %d: leaves no room for a prompt in --context %d; choose others",
            run->max_new, run->model.context);
}

/* Once a command, for all its stages. */
void options_warn(const Run *run)
{
    const KlForm *form = &kl_forms[kl_form_index(run->ppo.kl_form)];
    if (!form->right)
        fprintf(stderr,
                "cai: --kl-form %s: %s: ends at %s where k1-reward ends at the optimum %s, rewards "
                "1, 0, -1; docs/equations.md, \"Where each KL estimator leads\"\n",
                form->name, form->why, form->ends, kl_forms[0].ends);
}

// ------------------------------------------------------------------------------------
// The folder's flags.txt: every flag that changes the bytes of a run, a line each

static Text flags_of(const Run *run)
{
    Text t = { 0 };
    for (int i = 0; i < N_FLAGS; i++) {
        Text value = { 0 };
        if (is_free(&FLAGS[i])) continue;
        add_value(&value, run, &FLAGS[i]);
        if (!may_be_missing(&FLAGS[i]) || strcmp(value.s, FLAGS[i].value))
            text_add(&t, "%s %s\n", FLAGS[i].name, value.s);
        free(value.s);
    }
    return t;
}

static uint64_t sum_of_flags(const Run *run)
{
    Text t = flags_of(run);
    uint64_t sum = checksum(t.s, t.n, 0);
    free(t.s);
    return sum;
}

/* All of them must be there: what is missing would silently be a default. */
static void read_flags(Run *run, Path path)
{
    char *text = read_text(path.s), *next = text, *s, seen[N_FLAGS] = { 0 };
    for (int line = 1; (s = next) && *s; line++) {
        if (!(next = strchr(s, '\n')))
            die(EXIT_INPUT, "%s:%d: the line is cut short; remove the folder and run again", path.s,
                line);
        *next++ = 0;
        char *value = strchr(s, ' ');
        if (value) *value++ = 0;
        const Flag *f = find_flag(s);
        if (!f || !value || is_free(f) || seen[f - FLAGS])
            die(EXIT_INPUT,
                "%s:%d: not a flag of this program, or a second time; remove the folder and run "
                "again",
                path.s, line);
        set_flag(run, f, value, line);
        seen[f - FLAGS] = 1;
    }
    for (int i = 0; i < N_FLAGS; i++)
        if (!seen[i] && may_be_missing(&FLAGS[i])) set_flag(run, &FLAGS[i], FLAGS[i].value, 0);
        else if (!seen[i] && !is_free(&FLAGS[i]))
            die(EXIT_INPUT,
                "%s: has no line for %s (cut short, or of another version of this program); remove "
                "the folder and run again, or choose another --out",
                path.s, FLAGS[i].name);
    free(text);
}

/* A file that is gone is no loss to a command that names the very same flags. */
int options_load(Run *run)
{
    Path path = run_path(run, "flags.txt");
    const Record *r = record_of(&run->records, "run", "flags.txt");
    if (!is_there(path.s)) {
        if (!r || r->unsure || r->sum == sum_of_flags(run)) return 0;
        die(EXIT_INPUT,
            "%s: is gone, and this command has other flags than the run; put it back, or choose "
            "another --out",
            path.s);
    }
    records_read(&run->records, "flags.txt");
    read_flags(run, path);
    return 1;
}

/* The flags of the run that this folder branched off; exercises/branch puts them there. */
int options_load_branch(Run *run)
{
    Path path = run_path(run, "branch.txt");
    if (!is_there(path.s)) return 0;
    read_flags(run, path);
    return 1;
}

Text options_differences(const Run *folder, const Run *run, const char *except)
{
    Text say = { 0 };
    for (int i = 0; i < N_FLAGS; i++) {
        Text was = { 0 }, is = { 0 };
        if (is_free(&FLAGS[i]) || has_word(except, FLAGS[i].name)) continue;
        add_value(&was, folder, &FLAGS[i]);
        add_value(&is, run, &FLAGS[i]);
        if (strcmp(was.s, is.s))
            text_add(&say, "%s--%s %s, this command --%s %s", say.n ? "; " : "", FLAGS[i].name,
                     was.s, FLAGS[i].name, is.s);
        free(was.s);
        free(is.s);
    }
    return say;
}

void options_save(Run *run)
{
    Path path = run_path(run, "flags.txt");
    const Record *r = record_of(&run->records, "run", "flags.txt");
    if (!is_there(path.s)) {
        Text now = flags_of(run);
        FILE *f = create_file(path.s);
        fputs(now.s, f);
        commit_file(f, path.s);
        free(now.s);
    }
    if (!r || r->unsure) record_run_file(&run->records, "flags.txt", 0);
}
