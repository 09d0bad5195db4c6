/* cli/stages.c -- the stages in the order of the run, and the files that each writes and reads.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "cli/stages.h"
#include "data/stages.h"

#include <string.h>
#include <unistd.h>

// clang-format off
const Stage STAGES[N_STAGES] = {
    { "data", stage_data, "the town's texts: corpus, prompts, human comparisons, evaluation sets",
      { "data/corpus.jsonl", "data/redteam.jsonl", "data/helpful.jsonl", "data/human_prefs.jsonl",
        "data/eval_prefs.jsonl", "data/eval_redteam.jsonl", "data/eval_helpful.jsonl",
        "data/eval_contrast.jsonl", "data/eval_unseen.jsonl", "data/eval_turns.jsonl",
        "data/reserved_redteam.jsonl", "data/reserved_helpful.jsonl",
        "data/reserved_contrast.jsonl", "data/judgements.jsonl", "data/eval_text.jsonl",
        "metrics/data.tsv" },
      { NULL } },
    { "tokenizer", stage_tokenizer, "byte-level BPE on the corpus",
      { "tokenizer.bin", "metrics/tokenizer.tsv" },
      { "data/corpus.jsonl" } },
    { "pretrain", stage_pretrain, "base.bin: a language model from nothing",
      { "base.bin", "metrics/pretrain.tsv" },
      { "tokenizer.bin", "data/corpus.jsonl" } },
    { "helpful", stage_helpful, "helpful.bin: helpful-only RLHF",
      { "helpful_pm.bin", "helpful_pm.head", "helpful.bin", "metrics/helpful.tsv" },
      { "tokenizer.bin", "base.bin", "data/human_prefs.jsonl", "data/helpful.jsonl" } },
    { "revise", stage_revise, "revisions.jsonl: critique and revision of red-team answers",
      { "revisions.jsonl", "metrics/revise.tsv" },
      { "tokenizer.bin", "helpful.bin", "data/redteam.jsonl" } },
    { "sl", stage_sl, "sl_cai.bin: finetuned on the revisions",
      { "sl_cai.bin", "metrics/sl.tsv" },
      { "tokenizer.bin", "base.bin", "helpful.bin", "revisions.jsonl", "data/helpful.jsonl" } },
    { "feedback", stage_feedback, "feedback.jsonl: pairs of SL-CAI answers judged by the model",
      { "feedback.jsonl", "metrics/feedback.tsv" },
      { "tokenizer.bin", "sl_cai.bin", "base.bin", "helpful.bin", "data/redteam.jsonl" } },
    { "pm", stage_pm, "pm.bin: one preference model on human and AI comparisons",
      { "pm.bin", "pm.head", "metrics/pm.tsv" },
      { "tokenizer.bin", "base.bin", "data/human_prefs.jsonl", "feedback.jsonl" } },
    { "rl", stage_rl, "rl_cai.bin: PPO against the preference model",
      { "rl_cai.bin", "metrics/rl.tsv" },
      { "tokenizer.bin", "sl_cai.bin", "pm.bin", "pm.head", "data/redteam.jsonl",
        "data/helpful.jsonl" } },
    { "eval", stage_eval, "summary.txt: every model on held-out prompts",
      { "answers.jsonl", "judged.jsonl", "summary.txt", "metrics/eval.tsv" },
      { "tokenizer.bin", "base.bin", "helpful.bin", "sl_cai.bin", "rl_cai.bin", "pm.bin", "pm.head",
        "revisions.jsonl", "feedback.jsonl", "data/eval_prefs.jsonl", "data/eval_redteam.jsonl",
        "data/eval_helpful.jsonl", "data/eval_contrast.jsonl", "data/eval_unseen.jsonl",
        "data/eval_turns.jsonl", "data/reserved_redteam.jsonl", "data/reserved_helpful.jsonl",
        "data/reserved_contrast.jsonl", "data/judgements.jsonl", "data/eval_text.jsonl" } },
};
// clang-format on

int stage_index(const char *name)
{
    for (int k = 0; k < N_STAGES; k++)
        if (strcmp(STAGES[k].name, name) == 0) return k;
    return -1;
}

int writer_of(const char *file)
{
    for (int k = 0; k < N_STAGES; k++)
        for (int i = 0; STAGES[k].writes[i]; i++)
            if (strcmp(STAGES[k].writes[i], file) == 0) return k;
    return -1;
}

int is_made(Plan plan, int k)
{
    int is_base = k == stage_index("tokenizer") || k == stage_index("pretrain");
    return k >= plan.first && k <= plan.to && !(plan.own_base && is_base);
}

/* What a stage reads by these settings: the plain judge is the pretrained model, the one by chain
 * of thought the helpful-only model; reserved sets are evaluated when asked for, and held-out
 * documents when there are some. */
static int is_read(const Run *run, const char *stage, const char *file)
{
    if (strncmp(file, "data/reserved_", 14) == 0) return run->data.reserved;
    if (strcmp(file, "data/eval_text.jsonl") == 0) return is_there(run_path(run, file).s);
    if (strcmp(stage, "feedback")) return 1;
    return strcmp(file, run->label.plain ? "helpful.bin" : "base.bin") != 0;
}

StageFiles stage_files(const Run *run, int k)
{
    StageFiles f = { .stage = STAGES[k].name };
    for (int i = 0; STAGES[k].writes[i]; i++) f.writes[i] = STAGES[k].writes[i];
    for (int i = 0, n = 0; STAGES[k].reads[i]; i++)
        if (is_read(run, f.stage, STAGES[k].reads[i])) f.reads[n++] = STAGES[k].reads[i];
    return f;
}

void records_of(Run *run)
{
    run->records.folder = run->folder;
    run->records.n_stages = N_STAGES;
    for (int k = 0; k < N_STAGES; k++) run->records.stages[k] = STAGES[k].name;
}
