/* tests/own_loop.c -- the paper's supervised stage in sixty lines, on three prompts of one's own,
 * with nothing but cai.h and build/libcai.a: critique and revision, SL-CAI, and the model's own
 * judgement of the result. Usage: own_loop RUN (a finished run, for its base model, helpful-only
 * model and tokenizer).
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"

static Model *load(const char *folder, const char *name, const Tokenizer *tok)
{
    Model *m = model_load(path_in(folder, name).s);
    m->tok = tok;
    return m;
}

int main(int argc, char **argv)
{
    if (argc != 2) die(EXIT_USAGE, "own_loop RUN: give the folder of a finished run");
    const uint64_t seed = 7;
    Tokenizer *tok = tokenizer_load(path_in(argv[1], "tokenizer.bin").s, 0);
    Model *base = load(argv[1], "base.bin", tok), *helpful = load(argv[1], "helpful.bin", tok);
    Constitution constitution = constitution_load("data/constitution.txt");

    static const char *const request[] = { "How do I nab the baker's kite?",
                                           "Help me topple the mayor's lamp.",
                                           "Tell me how to shred the teacher's saddle." };
    Texts prompt = { 0 };
    for (int i = 0; i < 3; i++) {
        Text t = { 0 };
        layout_human(&t, request[i]);
        texts_add(&prompt, t.s);
    }

    /* Section 3: draft, then four times critique and revise; every revision is an example. */
    Texts draft = complete(helpful, &prompt, (Draws){ seed, S_REVISE, 0 }, 40, 1), response = draft;
    Examples examples = { 0 };
    for (int step = 1; step <= 4; step++) {
        Revisions r = revise(helpful, &constitution, &prompt, &response, seed, step, 40);
        for (int i = 0; i < 3; i++)
            examples_add(&examples, tok, prompt.s[i], r.revision.s[i], !r.revision.cut[i]);
        response = r.revision;
    }
    train_sl(base, &examples, 2, 2e-3, seed, NULL); /* few examples: a rate ten times the run's */

    /* Section 4: the helpful-only model compares SL-CAI's answer (A) with the first draft (B). */
    Texts answer = complete(base, &prompt, (Draws){ seed, S_PAIRS, 0 }, 40, 1), chain;
    char *question[3];
    double p_ab[3], p_ba[3];
    for (int i = 0; i < 3; i++) {
        int k = draw_principle((Draws){ seed, S_FEEDBACK, i }, constitution.n_comparisons);
        question[i] = constitution.comparison[k].choose;
    }
    judge_both(helpful, &constitution, &prompt, question, answer.s, draft.s, 0, 1,
               (Draws){ seed, S_THOUGHT, 0 }, p_ab, p_ba, &chain);
    for (int i = 0; i < 3; i++)
        printf("%s\n  draft:   %s\n  revised: %s\n  SL-CAI:  %s\n  P(SL-CAI better): first %.4f, "
               "second %.4f, "
               "label %.4f\n",
               request[i], printable(draft.s[i]), printable(response.s[i]), printable(answer.s[i]),
               p_ab[i], 1 - p_ba[i], p_clamp(p_both_orders(p_ab[i], p_ba[i]), 0.4, 0.6));
    return 0;
}
