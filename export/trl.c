/* export/trl.c -- the run's data as TRL's trainers read them: SFT, preferences, KTO, prompts.
 *
 *     sft.jsonl          {prompt, completion}         what SL-CAI is finetuned on
 *     preference.jsonl   {prompt, chosen, rejected}   what the preference model is trained on
 *     kto.jsonl          {prompt, completion, label}  the same, an answer a line
 *     prompts.jsonl      {prompt}                     what RL asks
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "export/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_sft(FILE *f, const char *prompt, const char *completion)
{
    json_put(f, "{", "prompt", prompt);
    json_put(f, ", ", "completion", completion);
    fputs("}\n", f);
}

/* As the stage sl: the revisions, and two samples a helpfulness prompt by the same draws. */
static long export_sft(Run *run, const char *path)
{
    Model *helpful = load_model(run, "helpful");
    FILE *f = create_new_file(path);
    long n = 0;
    JsonLines *j = json_open(records_read(&run->records, "revisions.jsonl").s);
    for (; json_next(j); n++) {
        if (run->sl.final_only && json_num(j, "step") != run->sl.revisions) continue;
        put_sft(f, json_str(j, "prompt"), json_str(j, "revision"));
    }
    json_close(j);
    Texts prompt = run_prompts(run, "data/helpful.jsonl", helpful);
    for (int k = 0; k < 2; k++) {
        Texts answer =
            complete(helpful, &prompt, draws(run, S_SL, (long)k * prompt.n), run->max_new, 1);
        for (int i = 0; i < answer.n; i++, n++) put_sft(f, prompt.s[i], answer.s[i]);
        texts_free(&answer);
    }
    commit_file(f, path);
    texts_free(&prompt);
    model_free(helpful);
    return n;
}

/* TRL has no soft label: the likelier answer is the chosen one. p_chosen stays beside it. */
static void put_pair(FILE *preference, FILE *kto, JsonLines *j)
{
    double p = json_num_or(j, "p_chosen", 1);
    const char *side[2] = { json_str(j, p < 0.5 ? "rejected" : "chosen"),
                            json_str(j, p < 0.5 ? "chosen" : "rejected") };
    const char *prompt = json_str(j, "prompt");
    json_put(preference, "{", "prompt", prompt);
    json_put(preference, ", ", "chosen", side[0]);
    json_put(preference, ", ", "rejected", side[1]);
    fprintf(preference, ", \"p_chosen\": %.6f}\n", p < 0.5 ? 1 - p : p);
    for (int i = 0; i < 2; i++) {
        json_put(kto, "{", "prompt", prompt);
        json_put(kto, ", ", "completion", side[i]);
        fprintf(kto, ", \"label\": %s}\n", i ? "false" : "true");
    }
}

static long export_preferences(Run *run, const char *folder)
{
    static const char *const from[] = { "data/human_prefs.jsonl", "feedback.jsonl" };
    Path preference = path_in(folder, "preference.jsonl"), kto = path_in(folder, "kto.jsonl");
    FILE *f = create_new_file(preference.s), *g = create_new_file(kto.s);
    long n = 0;
    for (int i = 0; i < 2; i++) {
        JsonLines *j = json_open(records_read(&run->records, from[i]).s);
        for (; json_next(j); n++) put_pair(f, g, j);
        json_close(j);
    }
    commit_file(f, preference.s);
    commit_file(g, kto.s);
    return n;
}

static long export_prompts(Run *run, const char *path)
{
    static const char *const from[] = { "data/redteam.jsonl", "data/helpful.jsonl" };
    FILE *f = create_new_file(path);
    long n = 0;
    for (int i = 0; i < 2; i++) {
        Texts prompt = load_conversations(records_read(&run->records, from[i]).s);
        for (int k = 0; k < prompt.n; k++, n++) {
            json_put(f, "{", "prompt", prompt.s[k]);
            fputs("}\n", f);
        }
        texts_free(&prompt);
    }
    commit_file(f, path);
    return n;
}

void export_trl(Run *run, const char *folder)
{
    if (mkdir(folder, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written", folder, strerror(errno));
    long prompts = export_prompts(run, path_in(folder, "prompts.jsonl").s);
    long pairs = export_preferences(run, folder);
    long examples = export_sft(run, path_in(folder, "sft.jsonl").s);
    printf("%s: %ld prompts, %ld comparisons, %ld examples of finetuning\n", printable(folder),
           prompts, pairs, examples);
}
