/* engine/optim.c -- AdamW, Muon, the step that ends every training step, and the state in a file.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"
#include "lib/files.h"
#include "lib/gemm.h"
#include "lib/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// AdamW, Muon. Gradients of the SHARDS pieces are added in shard order; the parameters are cut into
// RANGES whatever the machine, so any number of threads gives the same bytes.

enum { RANGES = 64 };

typedef struct {
    Trainer *t;
    double lr, clip;            /* clip: factor on the gradient, 1 if its norm is small enough */
    double square[RANGES];      /* sum of squared gradients of each range */
    Tensor tensor[MAX_TENSORS];
    int n_tensor;
} Update;

Trainer *trainer_new(Model *m, AdamW opt)
{
    Trainer *t = xcalloc(1, sizeof *t);
    t->m = m;
    t->opt = opt;
    t->mean = xcalloc(m->n_param, sizeof *t->mean);
    t->var = xcalloc(m->n_param, sizeof *t->var);
    for (int i = 0; i < SHARDS; i++) {
        t->grad[i] = model_new(m->c);
        if (opt.frozen) t->grad[i]->tok_emb = t->grad[i]->head = NULL;
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

/* The state's file: this header, weights, first and second moments as they are in memory (to continue to the
 * bit), the notes, and a checksum of it all. */
typedef struct {
    char magic[4];
    int32_t version;
    uint64_t belongs, real_size, n_param, step, done, notes_size;
} StateHeader;

static void note_saved(Trainer *t, const char *path)
{
    free(t->saved);
    t->saved = xstrdup(path);
    t->saved_step = t->step;
}

void trainer_save(Trainer *t, const char *path, uint64_t belongs, long done, const char *notes)
{
    size_t n = t->m->n_param, size = strlen(notes);
    StateHeader h = { { 'C', 'A', 'I', 't' }, 1, belongs, sizeof(real), n, (uint64_t)t->step, (uint64_t)done, size };
    const void *part[] = { &h, t->m->w, t->mean, t->var, notes };
    const size_t bytes[] = { sizeof h, n * sizeof(real), n * sizeof(real), n * sizeof(real), size };
    uint64_t sum = 0;
    FILE *f = create_file(path);
    for (int i = 0; i < 5; i++) {
        sum = checksum(part[i], bytes[i], sum);
        fwrite(part[i], 1, bytes[i], f);
    }
    fwrite(&sum, sizeof sum, 1, f);
    commit_file(f, path);           /* a write that failed above is found here */
    note_saved(t, path);
}

/* Nothing is taken from the file before all of it is known to be whole. */
long trainer_load(Trainer *t, const char *path, uint64_t belongs, char **notes)
{
    size_t size, n = t->m->n_param, block = n * sizeof(real);
    StateHeader h = { 0 };
    uint64_t sum = 0;
    *notes = NULL;
    FILE *there = fopen(path, "rb");
    if (!there) return -1;
    fclose(there);
    char *file = read_file(path, &size);
    if (size >= sizeof h + sizeof sum) memcpy(&h, file, sizeof h), memcpy(&sum, file + size - sizeof sum, sizeof sum);
    if (memcmp(h.magic, "CAIt", 4) || h.version != 1)
        die(EXIT_INPUT, "%s: is no training state of version 1; remove it, and its stage begins anew", path);
    if (sum != checksum(file, size - sizeof sum, 0))
        die(EXIT_INPUT, "%s: its checksum is wrong; remove it, and its stage begins anew", path);
    if (h.belongs != belongs) { free(file); return -1; }
    if (h.real_size != sizeof(real) || h.n_param != n || h.notes_size != size - sizeof h - 3 * block - sizeof sum
        || size < sizeof h + 3 * block + sizeof sum || h.step > INT32_MAX || h.done > INT32_MAX)
        die(EXIT_INPUT, "%s: belongs to a model of other sizes; remove it, and its stage begins anew", path);
    memcpy(t->m->w, file + sizeof h, block);
    memcpy(t->mean, file + sizeof h + block, block);
    memcpy(t->var, file + sizeof h + 2 * block, block);
    *notes = xcalloc(h.notes_size + 1, 1);
    memcpy(*notes, file + sizeof h + 3 * block, h.notes_size);
    t->step = (long)h.step;
    note_saved(t, path);
    free(file);
    return (long)h.done;
}

double lr_schedule(int kind, long step, long warm, long total)
{
    if (step < warm) return (double)(step + 1) / warm;
    double done = total > warm ? clamp((double)(step - warm) / (total - warm), 0, 1) : 0;
    if (kind == LR_LINEAR) return 1 - done;
    if (kind == LR_COSINE) return 0.5 * (1 + cos(3.14159265358979323846 * done));
    return 1;
}

static size_t range_start(size_t n, int k) { return n / RANGES * k + n % RANGES * k / RANGES; }

/* grad[0] += grad[1] + .. in shard order, over one range of parameters. The others are zeroed
 * on the way, while they are in the cache. */
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

/* AdamW (Loshchilov and Hutter 2019) on parameters from..to-1 of one tensor:
 *
 *     m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2
 *     w <- w - lr [ m / (1 - b1^t)  /  ( sqrt(v / (1 - b2^t)) + eps )  +  decay w ]
 *
 * in real: these are tensors, not scalars, and double would halve the speed. g is zeroed. */
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

/* Muon (Jordan 2024; the scale is Liu et al. 2025, arXiv 2502.16982) for the matrices of the layers, in
 * pretraining only: a matrix's step is its averaged gradient with all singular values made equal, so
 * that directions that are rarely seen are learned as fast as common ones. D14.
 *
 *     m <- mu m + (1 - mu) g,   X = (1 - mu) g + mu m   (Nesterov)
 *     w <- w - lr [ 0.2 sqrt(max(rows, cols)) orth(X)  +  decay w ]
 *
 * orth: X / |X|, then three times  X <- a X + (b A + c A^2) X,  A = X X^T  (or X^T X on the right, if
 * that is smaller): an odd polynomial that drives singular values towards 1. 0.2 sqrt(max) makes the
 * step as long as AdamW's usually is, so both share one learning rate. Half the state: no v.
 *
 * wq, wk and wv are a matrix a head: its rows act by themselves, and there is less to multiply. */
static int is_muons(const AdamW *o, const Tensor *T) { return o->muon > 0 && T->name[0] == 'w'; }

/* a, b, c of each round: the quintic nearest to 1 (largest error) on the interval that the rounds before
 * made of [0.01, 1], as in Amsel et al. 2025 (arXiv 2505.16932). Three rounds leave 0.73 to 1.27; Jordan's one
 * polynomial needs five for that. */
static const double ORTH[3][3] = { { 8.0932, -23.6195, 17.4453 }, { 3.6366, -2.7220, 0.5366 }, { 2.6614, -1.9773, 0.4526 } };

/* x (rows, cols), in place; y is scratch of its size, A and B of (S, S), S the smaller side. */
static void newton_schulz(real *x, real *y, real *A, real *B, int rows, int cols, const double abc[3])
{
    const real a = (real)abc[0], b = (real)abc[1], c = (real)abc[2];
    int S = rows < cols ? rows : cols;
    if (rows <= cols) matmul(A, x, x, rows, cols, rows);
    else {
        memset(A, 0, (size_t)S * S * sizeof *A);
        matmul_dw(A, x, x, rows, cols, cols);
    }
    matmul(B, A, A, S, S, S);                                   /* A is its own transpose */
    for (int i = 0; i < S * S; i++) B[i] = b * A[i] + c * B[i];
    if (rows <= cols) matmul_dx(y, B, x, rows, cols, rows, 0);
    else matmul(y, x, B, rows, cols, cols);
    for (int i = 0; i < rows * cols; i++) x[i] = a * x[i] + y[i];
}

static void muon_matrix(Trainer *t, size_t at, int rows, int cols, double lr, double clip)
{
    const real mu = (real)t->opt.muon, scale = (real)clip;
    const real step = (real)(lr * 0.2 * sqrt(rows > cols ? rows : cols)), keep = (real)(1 - lr * t->opt.weight_decay);
    size_t n = (size_t)rows * cols, S = (size_t)(rows < cols ? rows : cols);
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

/* Job k: the k-th matrix of all layers, wq, wk, wv head by head. */
static void muon_job(void *context, int k)
{
    Update *u = context;
    int D = u->t->m->c.dim / u->t->m->c.n_heads;
    for (int i = 0; i < u->n_tensor; i++) {
        const Tensor *T = &u->tensor[i];
        if (!is_muons(&u->t->opt, T)) continue;
        int rows = strchr("qkv", T->name[1]) ? D : T->rows, from = k * T->rows;     /* counted over the layers */
        for (int row = from; k < T->layers && row < from + T->rows; row += rows)
            muon_matrix(u->t, T->offset + (size_t)row * T->cols, rows, T->cols, u->lr, u->clip);
        k -= T->layers;
        if (k < 0) return;
    }
}

/* One range, tensor by tensor: weight decay shrinks matrices (the embedding too), and leaves
 * vectors alone: the rms weights have 1 as their neutral value, and the score head is a vector. */
static void adamw_job(void *context, int k)
{
    Update *u = context;
    size_t n = u->t->m->n_param, from = range_start(n, k), to = range_start(n, k + 1);
    for (int i = 0; i < u->n_tensor; i++) {
        const Tensor *T = &u->tensor[i];
        size_t a = T->offset > from ? T->offset : from;
        size_t b = T->offset + T->size < to ? T->offset + T->size : to;
        int matrix = T->rows > 1 && T->cols > 1;
        if (is_muons(&u->t->opt, T)) continue;
        double faster = u->t->opt.head_lr > 0 && strncmp(T->name, "score", 5) == 0 ? u->t->opt.head_lr : 1;
        if (a < b) adamw_range(u->t, a, b, faster * u->lr, matrix ? u->t->opt.weight_decay : 0, u->clip);
    }
}

/* What every diagnosis ends with: what to do, and what is still there. */
_Noreturn static void die_exploded(const Trainer *t, const char *what)
{
    char kept[512] = "";
    if (t->saved) snprintf(kept, sizeof kept, ", and %s is that of step %ld", t->saved, t->saved_step);
    die(EXIT_NUMERICS, "step %ld: %s; lower the learning rate or look at the data of this batch (every earlier file is as it was%s)",
        t->step, what, kept);
}

/* A loss that is no number, or so far above `blind`, what a model that knows nothing would get, that no learning
 * is going on any more: normalised layers can keep an exploded model finite for ever. Names the tensor
 * with the largest weight, which is where the steps were too long. */
void check_loss(const Trainer *t, const char *name, double loss, double blind)
{
    if (isfinite(loss) && loss <= blind) return;
    Tensor T[MAX_TENSORS];
    int n = model_tensors(&t->m->c, T), worst = 0;
    double largest = -1;
    for (int i = 0; i < n; i++)
        for (size_t j = 0; j < T[i].size; j++) {
            double w = fabs((double)t->m->w[T[i].offset + j]);
            if (!(w <= largest)) largest = w, worst = i;
        }
    char what[256];
    if (isfinite(loss))
        snprintf(what, sizeof what, "the %s loss has exploded to %.4g (the largest weight, %.3g, is in %s)", name, loss, largest, T[worst].name);
    else
        snprintf(what, sizeof what, "the %s loss is not finite (the largest weight, %.3g, is in %s)", name, largest, T[worst].name);
    die_exploded(t, what);
}

_Noreturn static void die_of_gradient(const Update *u)
{
    const char *name = "?";
    for (int i = u->n_tensor - 1; i >= 0; i--)
        for (size_t j = 0; j < u->tensor[i].size; j++)
            if (!isfinite(u->t->grad[0]->w[u->tensor[i].offset + j])) name = u->tensor[i].name;
    char what[128];
    snprintf(what, sizeof what, "the gradient of %s is not finite", name);
    die_exploded(u->t, what);
}

/* The step that ends every ..._step below: add the shards' gradients, clip their global norm,
 * update. Leaves every gradient zero for the next step. */
void trainer_step(Trainer *t, double lr)
{
    Update u = { .t = t, .lr = lr, .clip = 1 };
    u.n_tensor = model_tensors(&t->m->c, u.tensor);
    parallel(RANGES, add_shards, &u);
    double square = 0;
    for (int k = 0; k < RANGES; k++) square += u.square[k];
    t->grad_norm = sqrt(square);
    if (!isfinite(t->grad_norm)) die_of_gradient(&u);
    if (t->opt.max_norm > 0 && t->grad_norm > t->opt.max_norm)
        u.clip = t->opt.max_norm / t->grad_norm;
    parallel(RANGES, adamw_job, &u);
    if (t->opt.muon > 0) parallel(7 * t->m->c.n_layers, muon_job, &u);     /* wq wk wv wo w1 w2 w3 */
    t->step++;
}
