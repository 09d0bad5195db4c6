/* engine/optim.c -- the optimisers: AdamW and Muon, the step that ends every training step, and
 * the messages of a training that has gone wrong.
 *
 * Gradients of the SHARDS pieces of a batch are added in shard order; the parameters are cut into
 * RANGES whatever the machine. So any number of threads gives the same bytes.
 *
 * Reading order: trainer, learning rate, what stops a training, AdamW, Muon, trainer_step.
 * SPDX-License-Identifier: MIT
 */
#include "engine/optim.h"
#include "include/equations.h"
#include "lib/files.h"
#include "lib/gemm.h"
#include "lib/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The name of the tensor with the largest weight: where the steps were too long. */
static const char *largest_weight(const Model *m, double *largest)
{
    Tensor T[MAX_TENSORS];
    int n = model_tensors(&m->c, T), at = 0;
    *largest = -1;
    for (int i = 0; i < n; i++)
        for (size_t j = 0; j < T[i].size; j++) {
            double w = fabs((double)m->w[T[i].offset + j]);
            if (!(w <= *largest)) *largest = w, at = i; /* a NaN is the largest */
        }
    return T[at].name;
}

Trainer *trainer_new(Model *m, AdamW opt)
{
    Trainer *t = xcalloc(1, sizeof *t);
    t->m = m;
    t->opt = opt;
    largest_weight(m, &t->largest);
    t->mean = xcalloc(m->n_param, sizeof *t->mean);
    t->var = xcalloc(m->n_param, sizeof *t->var);
    for (int i = 0; i < SHARDS; i++) {
        t->grad[i] = model_new(m->c);
        if (opt.frozen) t->grad[i]->tok_emb = t->grad[i]->head = NULL; /* D13: not wanted */
        t->acts[i] = acts_new();
    }
    return t;
}

void trainer_free(Trainer *t)
{
    if (!t) return;
    for (int i = 0; i < SHARDS; i++) {
        model_free(t->grad[i]);
        acts_free(t->acts[i]);
    }
    free(t->mean);
    free(t->var);
    free(t->saved);
    free(t);
}

/* D23: the papers give no schedule of the steps in one phase (HH's robustness runs warm up too, its
 * online runs halve the rate from time to time). Here
 *
 *     step < warm:   (step + 1) / warm
 *     then           1,   1 - x   or   (1 + cos(pi x)) / 2,   x = (step - warm) / (total - warm)
 *
 * step counts from 0. The linear form reaches 0 at step `total`: the last of `total` steps,
 * total - 1, still has 1 / (total - warm) of the rate. A caller that takes fewer than `total` steps
 * ends higher: n steps with warm 2 and total n + 2, as PPO's iterations have it, end at 3 / n. */
double lr_schedule(int kind, long step, long warm, long total)
{
    if (step < warm) return (double)(step + 1) / warm;
    double done = total > warm ? fmin(fmax((double)(step - warm) / (total - warm), 0), 1) : 0;
    if (kind == LR_LINEAR) return 1 - done;
    if (kind == LR_COSINE) return 0.5 * (1 + cos(3.14159265358979323846 * done));
    return 1;
}

// ------------------------------------------------------------------------------------
// A training that has gone wrong

/* Every diagnosis ends with what to do, and with what is still there. */
static _Noreturn void stop_training(const Trainer *t, const char *what)
{
    char saved[512] = "";
    if (t->saved)
        snprintf(saved, sizeof saved, ", and %s is that of step %ld", t->saved, t->saved_step);
    die(EXIT_NUMERICS,
        "step %ld: %s; lower the learning rate or look at the data of this batch "
        "(every earlier file is as it was%s)",
        t->step, what, saved);
}

/* Three ways to be lost. The loss is no number. Or it is far above `blind`, what a model that knows
 * nothing would get: normalised layers can keep an exploded model finite for ever. Or the model is
 * dead: its weights are so large that the norm's sum of squares overflows and every state is
 * x / infinity = 0. Such a model gives each token the same probability, has a finite loss (log V)
 * and a gradient of exactly 0. */
void check_loss(const Trainer *t, const char *name, double loss, double blind)
{
    if (!t->dead && isfinite(loss) && loss <= blind) return;
    double largest;
    const char *tensor = largest_weight(t->m, &largest);
    char what[256], end[64] = "";
    if (isfinite(loss)) snprintf(end, sizeof end, " to %.4g", loss);
    if (t->dead)
        snprintf(what, sizeof what,
                 "the model is dead: all its states are 0, whatever it reads "
                 "(the largest weight, %.3g, is in %s)",
                 largest, tensor);
    else
        snprintf(what, sizeof what, "the %s loss %s%s (the largest weight, %.3g, is in %s)", name,
                 isfinite(loss) ? "has exploded" : "is not finite", end, largest, tensor);
    stop_training(t, what);
}

/* A step's loss is that of the model before it, so nothing has seen what the last step did. A
 * training as it should be leaves the largest weight where it was, or moves it to about 1.6 (the
 * demo's pretraining); a rate that blows up multiplies it. */
void trainer_done(Trainer *t)
{
    enum { GROWTH = 5 };
    double largest;
    const char *tensor = largest_weight(t->m, &largest);
    char what[256];
    snprintf(what, sizeof what,
             "the model has exploded: the largest weight, %.3g, is in %s; at first it was %.3g",
             largest, tensor, t->largest);
    if (!(largest <= GROWTH * fmax(t->largest, 1))) stop_training(t, what);
    trainer_free(t);
}

// ------------------------------------------------------------------------------------
// The shards' gradients

enum { RANGES = 64 };

typedef struct {
    Trainer *t;
    double lr;
    double clip;           /* factor on the gradient: 1 if its norm is small enough */
    double square[RANGES]; /* sum of squared gradients of each range */
    Tensor tensor[MAX_TENSORS];
    int n_tensor;
} Update;

static size_t range_start(size_t n, int k) { return n / RANGES * k + n % RANGES * k / RANGES; }

/* grad[0] += grad[1] + .. in shard order, over range k. The others are zeroed on the way, while
 * they are in the cache. */
static void add_shards(void *context, int k)
{
    Update *u = context;
    size_t n = u->t->m->n_param, from = range_start(n, k), to = range_start(n, k + 1);
    real *g = u->t->grad[0]->w;
    for (int i = 1; i < SHARDS; i++) {
        real *g_i = u->t->grad[i]->w;
        for (size_t j = from; j < to; j++) g[j] += g_i[j];
        memset(g_i + from, 0, (to - from) * sizeof *g_i);
    }
    double square = 0;
    for (size_t j = from; j < to; j++) square += (double)g[j] * g[j];
    u->square[k] = square;
}

/* Names the first tensor that holds a bad number. */
static _Noreturn void stop_for_gradient(const Update *u)
{
    const char *name = "?";
    const real *g = u->t->grad[0]->w;
    for (int i = u->n_tensor - 1; i >= 0; i--)
        for (size_t j = 0; j < u->tensor[i].size; j++)
            if (!isfinite(g[u->tensor[i].offset + j])) name = u->tensor[i].name;
    char what[128];
    snprintf(what, sizeof what, "the gradient of %s is not finite", name);
    stop_training(u->t, what);
}

// ------------------------------------------------------------------------------------
// AdamW

/* AdamW (Loshchilov and Hutter 2019) on parameters from..to-1 of one tensor:
 *
 *     m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2
 *     w <- w - lr [ m / (1 - b1^t)  /  ( sqrt(v / (1 - b2^t)) + eps )  +  decay w ]
 *
 * t counts from 1. In real: double would halve the speed. g is zeroed. */
static void adamw_range(Trainer *t, size_t from, size_t to, double lr, double decay, double clip)
{
    const AdamW *o = &t->opt;
    const real b1 = (real)o->beta1, c1 = (real)(1 - o->beta1), eps = (real)o->eps;
    const real b2 = (real)o->beta2, c2 = (real)(1 - o->beta2), scale = (real)clip;
    const real step = (real)(lr / (1 - pow(o->beta1, t->step + 1)));
    const real unbias = (real)(1 / (1 - pow(o->beta2, t->step + 1)));
    const real keep = (real)(1 - lr * decay);
    real *w = t->m->w, *g = t->grad[0]->w, *m = t->mean, *v = t->var;
    for (size_t i = from; i < to; i++) {
        real g_i = scale * g[i];
        m[i] = b1 * m[i] + c1 * g_i;
        v[i] = b2 * v[i] + c2 * g_i * g_i;
        w[i] = keep * w[i] - step * m[i] / ((real)sqrt(unbias * v[i]) + eps);
        g[i] = 0;
    }
}

/* Muon takes the matrices of the layers, in pretraining only (D14). */
static int is_muons(const AdamW *o, const Tensor *T) { return o->muon > 0 && T->name[0] == 'w'; }

/* Range k, tensor by tensor. Weight decay shrinks matrices, the embedding too, and leaves vectors
 * alone: the norms' weights have 1 as their neutral value, and the score head is a vector. */
static void adamw_job(void *context, int k)
{
    Update *u = context;
    const AdamW *o = &u->t->opt;
    size_t n = u->t->m->n_param, from = range_start(n, k), to = range_start(n, k + 1);
    for (int i = 0; i < u->n_tensor; i++) {
        const Tensor *T = &u->tensor[i];
        if (is_muons(o, T)) continue;
        size_t a = T->offset > from ? T->offset : from;
        size_t b = T->offset + T->size < to ? T->offset + T->size : to;
        double decay = T->rows > 1 && T->cols > 1 ? o->weight_decay : 0;
        double faster = o->head_lr > 0 && strncmp(T->name, "score", 5) == 0 ? o->head_lr : 1;
        if (a < b) adamw_range(u->t, a, b, faster * u->lr, decay, u->clip);
    }
}

// ------------------------------------------------------------------------------------
// Muon

/* Muon (Jordan 2024; its scale from Liu et al. 2025, arXiv 2502.16982). The step of a matrix is its
 * averaged gradient with all singular values made about equal, so directions that are rarely seen
 * are learned as fast as common ones. D14.
 *
 *     m <- mu m + (1 - mu) g,   X = (1 - mu) g + mu m   (Nesterov)
 *     w <- w - lr [ 0.2 sqrt(max(rows, cols)) orth(X)  +  decay w ]
 *
 * orth(X): X / |X|, then three rounds of  X <- a X + (b A + c A^2) X,  A = X X^T  (or X^T X on the
 * right, if that is smaller). Each round is an odd polynomial that drives singular values to 1.
 * 0.2 sqrt(max(rows, cols)) makes the step about as long as AdamW's, so both share one learning
 * rate. There is no second moment. wq, wk and wv are one matrix a head: heads act by themselves.
 *
 * a, b, c of each round: the quintic nearest to 1 (in its largest error) on the interval that the
 * rounds before made of [0.01, 1], as in Amsel et al. 2025 (arXiv 2505.16932). Three rounds end in
 * 0.73 to 1.27; Jordan's one polynomial needs five for that. */
static const double ORTH[3][3] = {
    { 8.0932, -23.6195, 17.4453 },
    { 3.6366, -2.7220, 0.5366 },
    { 2.6614, -1.9773, 0.4526 },
};

/* y = x x^T, or x^T x where t, of x (rows, cols): y (S, S) is its own transpose, so its lower half
 * is computed and copied. */
static void square_of(real *y, const real *x, int t, int rows, int cols)
{
    int S = t ? cols : rows;
    product(LOWER_RESULT, t, !t, S, S, t ? rows : cols, x, cols, x, cols, 0, y, S);
    for (int i = 0; i < S; i++)
        for (int j = i + 1; j < S; j++) y[i * S + j] = y[j * S + i];
}

/* One round on x (rows, cols), in place. Scratch: y (rows, cols), A and B (S, S), S the smaller
 * side. */
static void newton_schulz(real *x, real *y, real *A, real *B, int rows, int cols,
                          const double abc[3])
{
    const real a = (real)abc[0], b = (real)abc[1], c = (real)abc[2];
    int S = rows < cols ? rows : cols;
    square_of(A, x, rows > cols, rows, cols);
    square_of(B, A, 0, S, S); /* A is its own transpose */
    for (int i = 0; i < S * S; i++) B[i] = b * A[i] + c * B[i];
    if (rows <= cols) matmul_dx(y, B, x, rows, cols, rows, 0);
    else matmul(y, x, B, rows, cols, cols);
    for (int i = 0; i < rows * cols; i++) x[i] = a * x[i] + y[i];
}

/* The step of one matrix, whose first weight is parameter `at`. Its gradient is zeroed. */
static void muon_matrix(Trainer *t, size_t at, int rows, int cols, double lr, double clip)
{
    const real mu = (real)t->opt.muon, scale = (real)clip;
    const real step = (real)(lr * 0.2 * sqrt(rows > cols ? rows : cols));
    const real keep = (real)(1 - lr * t->opt.weight_decay);
    size_t n = (size_t)rows * cols, S = rows < cols ? rows : cols;
    real *w = t->m->w + at, *g = t->grad[0]->w + at, *m = t->mean + at;
    real *x = xcalloc(2 * n + 2 * S * S, sizeof *x), *y = x + n, *A = y + n, *B = A + S * S;
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        real g_i = scale * g[i];
        m[i] = mu * m[i] + (1 - mu) * g_i;
        x[i] = (1 - mu) * g_i + mu * m[i];
        square += (double)x[i] * x[i];
        g[i] = 0;
    }
    real inv = (real)(1 / (sqrt(square) + 1e-20));
    for (size_t i = 0; i < n; i++) x[i] *= inv;
    for (int k = 0; k < 3; k++) newton_schulz(x, y, A, B, rows, cols, ORTH[k]);
    for (size_t i = 0; i < n; i++) w[i] = keep * w[i] - step * x[i];
    free(x);
}

/* Job k: matrix k of those of all layers, counted tensor by tensor; wq, wk, wv head by head. */
static void muon_job(void *context, int k)
{
    Update *u = context;
    for (int i = 0; i < u->n_tensor; i++) {
        const Tensor *T = &u->tensor[i];
        if (!is_muons(&u->t->opt, T)) continue;
        if (k >= T->layers) {
            k -= T->layers;
            continue;
        }
        int rows = strchr("qkv", T->name[1]) ? head_size(&u->t->m->c) : T->rows;
        for (int row = k * T->rows; row < (k + 1) * T->rows; row += rows)
            muon_matrix(u->t, T->offset + (size_t)row * T->cols, rows, T->cols, u->lr, u->clip);
        return;
    }
}

// ------------------------------------------------------------------------------------
// The step

/* Adds the shards' gradients, scales the sum down to max_norm if its norm is larger, and updates
 * every weight. Leaves every gradient zero for the next step. */
void trainer_step(Trainer *t, double lr)
{
    Update u = { .t = t, .lr = lr, .clip = 1 };
    u.n_tensor = model_tensors(&t->m->c, u.tensor);
    parallel(RANGES, add_shards, &u);
    double square = 0;
    for (int k = 0; k < RANGES; k++) square += u.square[k];
    t->grad_norm = sqrt(square);
    if (!isfinite(t->grad_norm)) stop_for_gradient(&u);
    if (t->opt.max_norm > 0 && t->grad_norm > t->opt.max_norm)
        u.clip = t->opt.max_norm / t->grad_norm;
    parallel(RANGES, adamw_job, &u);
    enum { LAYER_MATRICES = 7 }; /* wq wk wv wo w1 w2 w3 */
    if (t->opt.muon > 0) parallel(LAYER_MATRICES * t->m->c.n_layers, muon_job, &u);
    t->step++;
}
