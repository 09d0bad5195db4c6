/* study/probe.c -- what a model's state tells: a logistic probe.
 * SPDX-License-Identifier: MIT
 */
#include "study/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double *last_states(const Model *m, const Texts *prompt)
{
    enum { BATCH = 64 };
    int C = m->c.dim;
    double *x = xcalloc((size_t)prompt->n * (size_t)C + 1, sizeof *x);
    Acts *a = acts_new();
    for (int first = 0; first < prompt->n; first += BATCH) {
        Seqs s = { 0 };
        for (int i = first; i < prompt->n && i < first + BATCH; i++)
            push_text(&s, m->tok, prompt->s[i], NULL, 0);
        forward(m, a, &s, 0, s.n);
        for (int b = 0; b < s.n; b++) {
            const real *state = acts_states(m, a, b) + (size_t)(seq_len(&s, b) - 1) * (size_t)C;
            for (int k = 0; k < C; k++) x[(size_t)(first + b) * (size_t)C + (size_t)k] = state[k];
        }
        seqs_free(&s);
    }
    acts_free(a);
    return x;
}

double probe_says(int C, const double *w, const double *x)
{
    double z = w[C];
    for (int k = 0; k < C; k++) z += w[k] * x[k];
    return sigmoid(z);
}

/* Gradient descent on the mean log-loss with a little weight decay, which keeps a separable set's
 * weights finite. The step is 1 over a bound of the curvature, mean |x|^2 / 4 + decay. */
void probe_fit(int n, int C, const double *x, const int *y, double *w)
{
    enum { STEPS = 2000 };
    const double decay = 1e-3;
    double *g = xcalloc((size_t)C + 1, sizeof *g), square = 1;
    for (size_t i = 0; i < (size_t)n * (size_t)C; i++) square += x[i] * x[i] / n;
    memset(w, 0, ((size_t)C + 1) * sizeof *w);
    for (int step = 0; step < STEPS; step++) {
        for (int k = 0; k <= C; k++) g[k] = k < C ? decay * w[k] : 0;
        for (int i = 0; i < n; i++) {
            const double *x_i = x + (size_t)i * (size_t)C;
            double miss = (probe_says(C, w, x_i) - y[i]) / n;
            for (int k = 0; k < C; k++) g[k] += miss * x_i[k];
            g[C] += miss;
        }
        for (int k = 0; k <= C; k++) w[k] -= g[k] / (square / 4 + decay);
    }
    free(g);
}
