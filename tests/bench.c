/* tests/bench.c -- how fast, how near to what the processor can do, and in how much memory.
 *
 * Every figure is a median. Every share is of the peak measured right before it, round by round,
 * so that a busy or slow machine shows in both. The peak is the best single product that any of
 * the code here reaches, whichever code the program itself uses: so no share exceeds 100 %.
 * Counting rule: 6 floating-point operations a parameter and token for training (forward 2,
 * backward 4), 2 for sampling; attention's products come on top and are not counted. These are
 * benchmarks, not tests: nothing fails here.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "cai.h"
#include "cli/startup.h"
#include "lib/gemm.h"
#include "lib/kernels.h"
#include "lib/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median seconds of work(context): at least 5 times and for so long, once beforehand to warm up. */
static double median_time(double at_least, void (*work)(void *), void *context)
{
    enum { MAX = 400 };
    double t[MAX], begin;
    int n = 0;
    work(context);
    begin = now();
    while (n < MAX && (n < 5 || now() - begin < at_least)) {
        double start = now();
        work(context);
        t[n++] = now() - start;
    }
    qsort(t, (size_t)n, sizeof *t, by_size);
    return t[n / 2];
}

// ------------------------------------------------------------------------------------
// the peak

/* One worker's operands. Large: SIDE cubed. Small: what fits into a core's own cache, weights
 * packed, as in sampling; as often as makes up a large one. */
enum { SIDE = 1024, SMALL_N = 64, SMALL_C = 192 };
static real *operand[3]; /* (workers, SIDE, SIDE) each */

static void used_product(real *c, const real *a, const real *b)
{
    matmul(c, a, b, SIDE, SIDE, SIDE);
}

static void own_product(real *c, const real *a, const real *b)
{
    product(WHOLE, 0, 1, SIDE, SIDE, SIDE, a, SIDE, b, SIDE, 0, c, SIDE);
}

static void own_small_product(real *c, const real *a, const real *b)
{
    for (double done = 0; done < (double)SIDE * SIDE * SIDE; done += SMALL_N * SMALL_C * SMALL_C)
        matmul_packed(c, a, b, SMALL_N, SMALL_C, SMALL_C, 0);
}

static void peak_job(void *context, int i)
{
    void (*multiply)(real *, const real *, const real *) =
        *(void (**)(real *, const real *, const real *))context;
    size_t at = (size_t)i * SIDE * SIDE;
    multiply(operand[0] + at, operand[1] + at, operand[2] + at);
}

static void peak_work(void *context) { parallel(n_workers, peak_job, context); }

/* GFLOP/s of all workers together; *whose is the fastest product's name. */
static double peak(const char **whose)
{
    static const struct {
        const char *name;
        void (*multiply)(real *, const real *, const real *);
    } P[] = { { NULL, used_product },
              { "own tiles", own_product },
              { "own tiles, weights packed", own_small_product } };
    size_t n = (size_t)n_workers * SIDE * SIDE;
    double best = 0;
    for (int k = 0; k < 3; k++) {
        operand[k] = xcalloc(n, sizeof(real));
        for (size_t i = 0; i < n; i++) operand[k][i] = (real)(i % 13) / 13;
    }
    for (int k = 0; k < 3; k++) {
        void *context = (void *)(uintptr_t)&P[k].multiply;
        double rate = n_workers * 2e-9 * SIDE * SIDE * SIDE / median_time(0.2, peak_work, context);
        if (rate <= best) continue;
        best = rate;
        if (whose) *whose = P[k].name ? P[k].name : kernels_used();
    }
    for (int k = 0; k < 3; k++) free(operand[k]);
    return best;
}

// ------------------------------------------------------------------------------------
// what is measured

typedef struct {
    Config c;
    int batch, length; /* sequences, tokens of each; streams and new tokens when sampling */
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
static Config shape(int L, int C)
{
    return (Config){ C, (8 * C / 3 + 31) / 32 * 32, L, 4, 4, 1024, 1024, 1 };
}

static Bench bench_new(Config c, int batch, int length)
{
    Bench b = { .c = c, .batch = batch, .length = length, .m = model_new(c) };
    model_init(b.m, 1);
    int *token = xcalloc((size_t)length, sizeof(int));
    b.which = xcalloc((size_t)batch, sizeof(int));
    b.p = xcalloc((size_t)batch, sizeof(double));
    for (int i = 0; i < batch; i++) {
        for (int t = 0; t < length; t++)
            token[t] = 3 + rng_below((uint64_t)i, (uint64_t)t, c.vocab_size - 3);
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
    double t = median_time(0.5, work, &b);
    n_workers = all;
    bench_free(&b);
    return t;
}

static void train_work(void *context)
{
    Bench *b = context;
    sft_step(b->t, &b->s, b->which, b->batch, NULL, 1e-4);
}

static double train_rate(Config c, int batch, int length, int workers, double muon) /* tokens/s */
{
    Bench b = bench_new(c, batch, length);
    b.t = trainer_new(b.m, (AdamW){ .beta1 = 0.9,
                                    .beta2 = 0.95,
                                    .eps = 1e-8,
                                    .weight_decay = 0.1,
                                    .max_norm = 1,
                                    .muon = muon });
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

static double sample_rate(Config c, int streams, int tokens,
                          int workers) /* tokens/s of all streams */
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

static double
pm_rate(Config c, int prompt) /* steps/s: 32 pairs of 48 tokens, so many of them a pair's prompt */
{
    enum { PAIRS = 32, LENGTH = 48 };
    Bench b = bench_new(c, 2 * PAIRS, LENGTH);
    for (int i = 0; i < PAIRS; i++)
        memcpy(b.s.token + (2 * i + 1) * LENGTH, b.s.token + 2 * i * LENGTH,
               sizeof(int) * (size_t)prompt);
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

static double ppo_rate(Config c) /* iterations/s: 128 prompts of 24 tokens, answers of 24 */
{
    Bench b = bench_new(c, 128, 24);
    b.ref = model_clone(b.m);
    b.t = trainer_new(b.m, (AdamW){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .frozen = 1 });
    b.how = (Ppo){ .lambda_kl = 0.05,
                   .eps_clip = 0.2,
                   .eps_value = 0.2,
                   .c_v = 0.1,
                   .gamma = 1,
                   .lambda_gae = 1,
                   .epochs = 4,
                   .minibatches = 1,
                   .max_new = 24,
                   .stop = { -1, -1, -1 } };
    return 1 / seconds(b, n_workers, ppo_work);
}

// ------------------------------------------------------------------------------------
// the tables

static double size_of(Config c) /* parameters */
{
    Model *m = model_new(c);
    double n = (double)m->n_param;
    model_free(m);
    return n;
}

enum {
    ROUNDS = 3
}; /* of peak, all workers, one worker: a shared machine is another one a minute later */

static double median(double *x) /* of ROUNDS numbers */
{
    qsort(x, ROUNDS, sizeof *x, by_size);
    return x[ROUNDS / 2];
}

static void say_training(const char *name, Config c)
{
    double N = size_of(c), all[ROUNDS], share[ROUNDS], speedup[ROUNDS];
    for (int k = 0; k < ROUNDS; k++) {
        double top = peak(NULL);
        all[k] = train_rate(c, 32, 128, n_workers, 0);
        share[k] = 100 * 6e-9 * N * all[k] / top;
        speedup[k] = all[k] / train_rate(c, 32, 128, 1, 0);
    }
    printf("training, %s (%.2fM): %.0f tokens/s, %.1f %% of the peak, %.2f times one worker's; "
           "with Muon %.0f\n",
           name, 1e-6 * N, median(all), median(share), median(speedup),
           train_rate(c, 32, 128, n_workers, 0.95));
    fflush(stdout);
}

static void say_sampling(const char *name, Config c)
{
    static const int streams[] = { 1, 16, 256 };
    double all[ROUNDS], share[ROUNDS], speedup[ROUNDS];
    printf("sampling, %s: ", name);
    for (int k = 0; k < 3; k++)
        printf("%d streams %.0f tokens/s, ", streams[k],
               sample_rate(c, streams[k], 128, n_workers));
    for (int k = 0; k < ROUNDS; k++) {
        double top = peak(NULL);
        all[k] = sample_rate(c, 64, 128, n_workers);
        share[k] = 100 * 2e-9 * size_of(c) * all[k] / top;
        speedup[k] = all[k] / sample_rate(c, 64, 128, 1);
    }
    printf("64 streams %.0f: %.1f %% of the peak, %.2f times one worker's\n", median(all),
           median(share), median(speedup));
    fflush(stdout);
}

/* Time is about proportional to x^e between x = from and x = to. */
static void say_growth(const char *what, double from, double to, double seconds_from,
                       double seconds_to)
{
    printf("  %-42s %5g to %5g   time grows as x^%.2f\n", what, from, to,
           log(seconds_to / seconds_from) / log(to / from));
    fflush(stdout);
}

static void say_growths(void)
{
    Config c = shape(4, 128), wide = shape(4, 256);
    int W = n_workers;
    printf("growth of a training step, from 4 layers of 128, 32 sequences of 128 tokens:\n");
    say_growth("layers", 2, 8, 4096 / train_rate(shape(2, 128), 32, 128, W, 0),
               4096 / train_rate(shape(8, 128), 32, 128, W, 0));
    say_growth("width", 128, 256, 4096 / train_rate(c, 32, 128, W, 0),
               4096 / train_rate(wide, 32, 128, W, 0));
    say_growth("tokens of a sequence, same batch of tokens", 64, 512,
               4096 / train_rate(c, 64, 64, W, 0), 4096 / train_rate(c, 8, 512, W, 0));
    say_growth("sequences", 16, 64, 2048 / train_rate(c, 16, 128, W, 0),
               8192 / train_rate(c, 64, 128, W, 0));
    if (W > 1)
        say_growth("threads", 1, W, 1 / train_rate(c, 32, 128, 1, 0),
                   1 / train_rate(c, 32, 128, W, 0));
    double alone = train_rate(c, 1, 512, 1, 0);
    printf("  one shard alone (a sequence of 512 tokens) on %d workers: %.2f times one worker's\n",
           W, train_rate(c, 1, 512, W, 0) / alone);
    printf("growth of sampling, 64 streams:\n");
    say_growth("new tokens of a stream", 32, 256, 64 * 32 / sample_rate(c, 64, 32, W),
               64 * 256 / sample_rate(c, 64, 256, W));
}

// ------------------------------------------------------------------------------------
// memory

typedef struct {
    Config c;
    int batch, length, sampling;
} Point;

/* Largest resident set of a process that does this, in MB. It starts none of the threads yet. */
static double memory_of(Point p)
{
    struct rusage r;
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return NAN;
    if (child == 0) {
        Bench b = bench_new(p.c, p.batch, p.sampling ? 1 : p.length);
        b.how.max_new = p.length;
        if (!p.sampling)
            b.t = trainer_new(b.m, (AdamW){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8 });
        for (int k = 0; k < 2; k++) (p.sampling ? sample_work : train_work)(&b);
        _exit(0);
    }
    if (wait4(child, &status, 0, &r) != child || status) return NAN;
#ifdef __APPLE__
    return (double)r.ru_maxrss / 1e6;
#else
    return (double)r.ru_maxrss / 1e3;
#endif
}

/* Three points, x doubled twice, and the power of x by which memory grows from the second to the
 * third. */
static void say_memory(const char *what, int x, Point small, Point middle, Point large)
{
    double a = memory_of(small), b = memory_of(middle), c = memory_of(large);
    printf("  %-42s %5d %5d %5d   %.0f, %.0f, %.0f MB, at the end as x^%.2f\n", what, x, 2 * x,
           4 * x, a, b, c, log(c / b) / log(2));
    fflush(stdout);
}

static void say_memories(void)
{
    Config c = shape(4, 128);
    printf(
        "peak memory of training, from 4 layers of 128, 32 sequences of 128 tokens, %d workers:\n",
        n_workers);
    say_memory("layers", 2, (Point){ shape(2, 128), 32, 128, 0 }, (Point){ c, 32, 128, 0 },
               (Point){ shape(8, 128), 32, 128, 0 });
    say_memory("width", 64, (Point){ shape(4, 64), 32, 128, 0 }, (Point){ c, 32, 128, 0 },
               (Point){ shape(4, 256), 32, 128, 0 });
    say_memory("tokens of a sequence", 64, (Point){ c, 32, 64, 0 }, (Point){ c, 32, 128, 0 },
               (Point){ c, 32, 256, 0 });
    printf("peak memory of sampling, from 4 layers of 128, 64 streams of 128 tokens:\n");
    say_memory("layers", 2, (Point){ shape(2, 128), 64, 128, 1 }, (Point){ c, 64, 128, 1 },
               (Point){ shape(8, 128), 64, 128, 1 });
    say_memory("width", 64, (Point){ shape(4, 64), 64, 128, 1 }, (Point){ c, 64, 128, 1 },
               (Point){ shape(4, 256), 64, 128, 1 });
    say_memory("new tokens of a stream", 64, (Point){ c, 64, 64, 1 }, (Point){ c, 64, 128, 1 },
               (Point){ c, 64, 256, 1 });
    say_memory("streams", 32, (Point){ c, 32, 128, 1 }, (Point){ c, 64, 128, 1 },
               (Point){ c, 128, 128, 1 });
}

/* bench: all of it; bench memory; bench train L C, bench sample L C: one rate, for
 * tests/bench_torch.py */
int main(int argc, char **argv)
{
    startup(argv);
    Config demo = { 128, 256, 2, 4, 4, 1336, 320, 1 };
    const char *whose;
    n_workers = allowed_cores();
    kernels_start();
    if (argc == 4) {
        Config c = shape(atoi(argv[2]), atoi(argv[3]));
        int training = strcmp(argv[1], "train") == 0;
        printf("%.0f\n", training ? train_rate(c, 32, 128, n_workers, 0)
                                  : sample_rate(c, 64, 128, n_workers));
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "memory") == 0) {
        say_memories();
        return 0;
    }
    say_memories(); /* before there are threads, which a child would not have */
    double first = peak(&whose), of_one_worker = sample_rate(shape(4, 128), 1, 256, 1);
    printf("%s (%s), %d workers\npeak: %.0f GFLOP/s together, by %s\n", kernels_used(),
           kernels_reason(), n_workers, first, whose);
    printf("one stream, one thread, 4 of 128: %.0f tokens/s\n", of_one_worker);
    say_training("4 of 128", shape(4, 128));
    say_training("6 of 256", shape(6, 256));
    say_sampling("4 of 128", shape(4, 128));
    say_sampling("6 of 256", shape(6, 256));
    printf("demo's model: preference model %.1f steps/s (32 pairs of 48 tokens; %.1f if a pair "
           "shares its first 24), ",
           pm_rate(demo, 0), pm_rate(demo, 24));
    printf("PPO %.2f iterations/s (128 answers of 24)\n", ppo_rate(demo));
    say_growths();
    double last = peak(&whose);
    printf("peak again, at the end: %.0f GFLOP/s, by %s\n", last, whose);
    return 0;
}
