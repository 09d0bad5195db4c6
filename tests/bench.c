/* tests/bench.c -- how fast, and how near to what the processor can do. `make bench` runs it.
 *
 * Every figure is a median, and every share is of the matrix-product peak measured right before it, round by round, so
 * that a busy or slow machine shows in both. Counting rule: 6 floating-point operations a parameter and token for
 * training (forward 2, backward 4), 2 for sampling; attention's products come on top and are not counted.
 * These are benchmarks, not tests: nothing fails here.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

/* Median seconds of work(context): at least 5 times and for at least half a second, once beforehand to warm up. */
static double median_time(void (*work)(void *), void *context)
{
    enum { MOST = 400 };
    double t[MOST], begin;
    int n = 0;
    work(context);
    begin = now();
    while (n < MOST && (n < 5 || now() - begin < 0.5)) {
        double start = now();
        work(context);
        t[n++] = now() - start;
    }
    qsort(t, (size_t)n, sizeof *t, by_size);
    return t[n / 2];
}

// ------------------------------------------------------------------------------------
// the peak: one large product a worker

enum { SIDE = 1024 };
static real *operand[3];                /* (workers, SIDE, SIDE) each */

static void peak_job(void *context, int i)
{
    (void)context;
    size_t at = (size_t)i * SIDE * SIDE;
    matmul(operand[0] + at, operand[1] + at, operand[2] + at, SIDE, SIDE, SIDE);
}

static void peak_work(void *context) { parallel(n_workers, peak_job, context); }

static double peak(void)                /* GFLOP/s of all workers */
{
    size_t n = (size_t)n_workers * SIDE * SIDE;
    for (int k = 0; k < 3; k++) {
        operand[k] = xcalloc(n, sizeof(real));
        for (size_t i = 0; i < n; i++) operand[k][i] = (real)(i % 13) / 13;
    }
    double t = median_time(peak_work, NULL);
    for (int k = 0; k < 3; k++) free(operand[k]);
    return n_workers * 2e-9 * SIDE * SIDE * SIDE / t;
}

// ------------------------------------------------------------------------------------
// what is measured

typedef struct {
    Config c;
    int batch, length;                  /* sequences, tokens of each; streams and new tokens when sampling */
    Trainer *t;
    Model *m, *ref;
    Seqs s;
    int *which;
    double *p;
    Ppo how;
    Rollout ro;
    long step;
} Bench;

/* The shapes that published timings of the field's small programs use; F by Llama's rule, 8/3 C. */
static Config shape(int L, int C) { return (Config){ C, (8 * C / 3 + 31) / 32 * 32, L, 4, 4, 1024, 1024, 1 }; }

static Bench bench_new(Config c, int batch, int length)
{
    Bench b = { .c = c, .batch = batch, .length = length, .m = model_new(c) };
    model_init(b.m, 1);
    int *token = xcalloc((size_t)length, sizeof(int));
    b.which = xcalloc((size_t)batch, sizeof(int));
    b.p = xcalloc((size_t)batch, sizeof(double));
    for (int i = 0; i < batch; i++) {
        for (int t = 0; t < length; t++) token[t] = 3 + rng_below((uint64_t)i, (uint64_t)t, c.vocab_size - 3);
        seqs_push(&b.s, token, length);
        b.which[i] = i;
        b.p[i] = 0.6;
    }
    free(token);
    return b;
}

static void bench_free(Bench *b)
{
    trainer_free(b->t);
    model_free(b->m);
    model_free(b->ref);
    seqs_free(&b->s);
    rollout_free(&b->ro);
    free(b->which);
    free(b->p);
}

/* Seconds of work on b by so many workers; b is done with then. */
static double seconds(Bench b, int workers, void (*work)(void *))
{
    int all = n_workers;
    n_workers = workers;
    double t = median_time(work, &b);
    n_workers = all;
    bench_free(&b);
    return t;
}

static void train_work(void *context)
{
    Bench *b = context;
    sft_step(b->t, &b->s, b->which, b->batch, NULL, 1e-4);
}

static double train_rate(Config c, int batch, int length, int workers, double muon)   /* tokens/s */
{
    Bench b = bench_new(c, batch, length);
    b.t = trainer_new(b.m, (AdamW){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .max_norm = 1, .muon = muon });
    return batch * length / seconds(b, workers, train_work);
}

static void sample_work(void *context)
{
    Bench *b = context;
    Seqs out = { 0 };
    uint64_t *key = xcalloc((size_t)b->s.n, sizeof *key);
    for (int i = 0; i < b->s.n; i++) key[i] = rng_key(1, (uint64_t)b->step, (uint64_t)i);
    sample(b->m, &b->s, key, (Sampling){ 1, b->how.max_new, { -1, -1, -1 } }, &out, NULL);
    b->step++;
    seqs_free(&out);
    free(key);
}

static double sample_rate(Config c, int streams, int tokens, int workers)               /* tokens/s of all streams */
{
    Bench b = bench_new(c, streams, 1);
    b.how.max_new = tokens;
    return streams * tokens / seconds(b, workers, sample_work);
}

static void pm_work(void *context)
{
    Bench *b = context;
    pm_step(b->t, &b->s, b->p, b->which, b->batch / 2, 1e-4);
}

static double pm_rate(Config c)                          /* steps/s: 32 pairs of 48 tokens */
{
    enum { PAIRS = 32, LENGTH = 48 };
    Bench b = bench_new(c, 2 * PAIRS, LENGTH);
    b.t = trainer_new(b.m, (AdamW){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .frozen = 1 });
    return 1 / seconds(b, n_workers, pm_work);
}

static void ppo_work(void *context)
{
    Bench *b = context;
    uint64_t key = rng_key(2, (uint64_t)b->step++, 0);
    ppo_rollout(b->m, b->ref, b->ref, &b->s, key, &b->how, &b->ro);
    ppo_update(b->t, &b->ro, key, &b->how, 1e-5);
}

static double ppo_rate(Config c)                        /* iterations/s: 128 prompts of 24 tokens, answers of 24 */
{
    Bench b = bench_new(c, 128, 24);
    b.ref = model_clone(b.m);
    b.t = trainer_new(b.m, (AdamW){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .frozen = 1 });
    b.how = (Ppo){ .lambda_kl = 0.05, .eps_clip = 0.2, .eps_value = 0.2, .c_v = 0.1, .gamma = 1, .lambda_gae = 1, .epochs = 4,
                   .minibatches = 1, .max_new = 24, .stop = { -1, -1, -1 } };
    return 1 / seconds(b, n_workers, ppo_work);
}

// ------------------------------------------------------------------------------------
// the tables

static double size_of(Config c)                         /* parameters */
{
    Model *m = model_new(c);
    double n = (double)m->n_param;
    model_free(m);
    return n;
}

enum { ROUNDS = 3 };                    /* of peak, all workers, one worker: a shared machine is another one a minute later */

static double median(double *x)         /* of ROUNDS numbers */
{
    qsort(x, ROUNDS, sizeof *x, by_size);
    return x[ROUNDS / 2];
}

static void say_training(const char *name, Config c)
{
    double N = size_of(c), all[ROUNDS], share[ROUNDS], speedup[ROUNDS];
    for (int k = 0; k < ROUNDS; k++) {
        double top = peak();
        all[k] = train_rate(c, 32, 128, n_workers, 0);
        share[k] = 100 * 6e-9 * N * all[k] / top;
        speedup[k] = all[k] / train_rate(c, 32, 128, 1, 0);
    }
    printf("training, %s (%.2fM): %.0f tokens/s, %.1f %% of the peak, %.2f times one worker's; with Muon %.0f\n", name, 1e-6 * N, median(all),
           median(share), median(speedup), train_rate(c, 32, 128, n_workers, 0.95));
    fflush(stdout);
}

static void say_sampling(const char *name, Config c)
{
    static const int streams[] = { 1, 16, 256 };
    double all[ROUNDS], share[ROUNDS], speedup[ROUNDS];
    printf("sampling, %s: ", name);
    for (int k = 0; k < 3; k++) printf("%d streams %.0f tokens/s, ", streams[k], sample_rate(c, streams[k], 128, n_workers));
    for (int k = 0; k < ROUNDS; k++) {
        double top = peak();
        all[k] = sample_rate(c, 64, 128, n_workers);
        share[k] = 100 * 2e-9 * size_of(c) * all[k] / top;
        speedup[k] = all[k] / sample_rate(c, 64, 128, 1);
    }
    printf("64 streams %.0f: %.1f %% of the peak, %.2f times one worker's\n", median(all), median(share), median(speedup));
    fflush(stdout);
}

/* Time is about proportional to x^e between x = from and x = to. */
static void say_growth(const char *what, double from, double to, double seconds_from, double seconds_to)
{
    printf("  %-42s %5g to %5g   time grows as x^%.2f\n", what, from, to, log(seconds_to / seconds_from) / log(to / from));
    fflush(stdout);
}

static void say_growths(void)
{
    Config c = shape(4, 128), wide = shape(4, 256);
    int W = n_workers;
    printf("growth of a training step, from 4 layers of 128, 32 sequences of 128 tokens:\n");
    say_growth("layers", 2, 8, 4096 / train_rate(shape(2, 128), 32, 128, W, 0), 4096 / train_rate(shape(8, 128), 32, 128, W, 0));
    say_growth("width", 128, 256, 4096 / train_rate(c, 32, 128, W, 0), 4096 / train_rate(wide, 32, 128, W, 0));
    say_growth("tokens of a sequence, same batch of tokens", 64, 512, 4096 / train_rate(c, 64, 64, W, 0), 4096 / train_rate(c, 8, 512, W, 0));
    say_growth("sequences", 16, 64, 2048 / train_rate(c, 16, 128, W, 0), 8192 / train_rate(c, 64, 128, W, 0));
    if (W > 1) say_growth("threads", 1, W, 1 / train_rate(c, 32, 128, 1, 0), 1 / train_rate(c, 32, 128, W, 0));
    printf("growth of sampling, 64 streams:\n");
    say_growth("new tokens of a stream", 32, 256, 64 * 32 / sample_rate(c, 64, 32, W), 64 * 256 / sample_rate(c, 64, 256, W));
}

/* bench: all of it; bench train L C, bench sample L C: one rate, for tests/bench_torch.py */
int main(int argc, char **argv)
{
    Config demo = { 128, 256, 2, 4, 4, 1336, 320, 1 };
    n_workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
    model_free(model_new(demo));                        /* tells the BLAS to use one thread */
    if (argc == 4) {
        Config c = shape(atoi(argv[2]), atoi(argv[3]));
        printf("%.0f\n", strcmp(argv[1], "train") == 0 ? train_rate(c, 32, 128, n_workers, 0) : sample_rate(c, 64, 128, n_workers));
        return 0;
    }
    double first = peak(), of_one_worker = sample_rate(shape(4, 128), 1, 256, 1);
    printf("%s, %d workers; peak of a %d^3 product: %.0f GFLOP/s\n", kernels_used(), n_workers, SIDE, first);
    printf("one stream, one thread, 4 of 128: %.0f tokens/s\n", of_one_worker);
    say_training("4 of 128", shape(4, 128));
    say_training("6 of 256", shape(6, 256));
    say_sampling("4 of 128", shape(4, 128));
    say_sampling("6 of 256", shape(6, 256));
    printf("demo's model: preference model %.1f steps/s (32 pairs of 48 tokens), ", pm_rate(demo));
    printf("PPO %.2f iterations/s (128 answers of 24)\n", ppo_rate(demo));
    say_growths();
    printf("peak again, at the end: %.0f GFLOP/s\n", peak());
    return 0;
}
