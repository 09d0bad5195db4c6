/* tests/test_gemm.c -- matrix products against three plain loops; which kernels are chosen, for
 * processors and libraries that this machine does not have; workers, and how many there may be.
 *
 * The products are compared in two ways: near the exact sum, and to the byte where lib/gemm.c
 * promises it (any cut of the result, any number of workers).
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "../lib/gemm.h"
#include "../lib/kernels.h"
#include "../lib/threads.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef CAI_DOUBLE /* this file is built in double too, where vectors are half as long */
#define EPSILON DBL_EPSILON
#else
#define EPSILON FLT_EPSILON
#endif

// ------------------------------------------------------------------------------------
// products

static unsigned seed = 1;
static int below(int n) { return (int)((seed = seed * 1664525u + 1013904223u) >> 8) % n; }
static real number(void) { return (real)(below(2001) - 1000) / 700; }

static real *numbers(size_t n)
{
    real *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = number();
    return x;
}

typedef struct { /* c (m, n) (+)= op(a) op(b), with the arrays' true widths */
    int ta, tb, m, n, k, lda, ldb, ldc, add;
    real *a, *b, *c;
} Case;

static Case random_case(int m, int n, int k)
{
    Case q = { .ta = below(2), .tb = below(2), .m = m, .n = n, .k = k, .add = below(2) };
    q.lda = (q.ta ? m : k) + below(3), q.ldb = (q.tb ? k : n) + below(3), q.ldc = n + below(3);
    q.a = numbers((size_t)q.lda * (q.ta ? k : m));
    q.b = numbers((size_t)q.ldb * (q.tb ? n : k));
    q.c = numbers((size_t)q.ldc * m);
    return q;
}

static void case_free(Case *q) { free(q->a), free(q->b), free(q->c); }

static real *a_at(const Case *q, int i, int p)
{
    return &q->a[q->ta ? p * q->lda + i : i * q->lda + p];
}
static real *b_at(const Case *q, int p, int j)
{
    return &q->b[q->tb ? j * q->ldb + p : p * q->ldb + j];
}

/* Each element within k + 2 roundings of the exact sum of its absolute terms. */
static void check_product(const Case *q, const real *before, Shape shape)
{
    for (int i = 0; i < q->m; i++)
        for (int j = 0; j < q->n; j++) {
            if (shape == LOWER_RESULT && j > i) continue;
            double sum = q->add ? before[i * q->ldc + j] : 0, size = fabs(sum);
            for (int p = 0; p < q->k; p++) {
                double term = (double)*a_at(q, i, p) * *b_at(q, p, j);
                sum += term, size += fabs(term);
            }
            if (!(fabs(q->c[i * q->ldc + j] - sum) <= (q->k + 2) * EPSILON * size))
                fail_msg("m %d n %d k %d ta %d tb %d add %d shape %d: (%d, %d) is %g, wanted %g",
                         q->m, q->n, q->k, q->ta, q->tb, q->add, shape, i, j,
                         (double)q->c[i * q->ldc + j], sum);
        }
}

static void run_product(Case *q, Shape shape)
{
    product(shape, q->ta, q->tb, q->m, q->n, q->k, q->a, q->lda, q->b, q->ldb, q->add, q->c,
            q->ldc);
}

static real *copy(const real *x, size_t n)
{
    real *y = malloc((n + 1) * sizeof *y);
    assert_non_null(y);
    memcpy(y, x, n * sizeof *y);
    return y;
}

/* Every size of a tile's remainder, and inner dimensions beyond a block. What lies between the
 * rows of c stays as it was. */
static void products_are_right(void **state)
{
    (void)state;
    for (int t = 0; t < 300; t++) {
        Case q =
            random_case(1 + below(3 * ROWS), 1 + below(3 * COLS), 1 + below(t % 20 ? 70 : 1100));
        real *before = copy(q.c, (size_t)q.ldc * q.m);
        run_product(&q, WHOLE);
        check_product(&q, before, WHOLE);
        for (int i = 0; i < q.m; i++)
            for (int j = q.n; j < q.ldc; j++)
                assert_true(q.c[i * q.ldc + j] == before[i * q.ldc + j]);
        free(before);
        case_free(&q);
    }
}

/* The triangles of attention: skipped tiles must be those that are zero or not wanted, no
 * others. */
static void triangles_are_right(void **state)
{
    (void)state;
    for (int t = 0; t < 200; t++) {
        Shape shape = (Shape[]){ LOWER_RESULT, LOWER_LEFT, UPPER_LEFT }[t % 3];
        int T = 1 + below(t % 10 ? 4 * COLS : 700), D = 1 + below(COLS + 5);
        Case q = shape == LOWER_RESULT ? random_case(T, T, D) : random_case(T, D, T);
        for (int i = 0; i < T && shape != LOWER_RESULT; i++)
            for (int p = 0; p < T; p++)
                if (shape == LOWER_LEFT ? p > i : p < i) *a_at(&q, i, p) = 0;
        real *before = copy(q.c, (size_t)q.ldc * q.m);
        run_product(&q, shape);
        check_product(&q, before, shape);
        free(before);
        case_free(&q);
    }
}

/* Rows and columns alone, packed or not, give the bytes that they have in the whole. */
static void a_cut_changes_no_byte(void **state)
{
    (void)state;
    for (int t = 0; t < 60; t++) {
        Case q =
            random_case(2 + below(4 * ROWS), 2 + below(3 * COLS), 1 + below(t % 6 ? 90 : 1100));
        real *whole = copy(q.c, (size_t)q.ldc * q.m);
        product(WHOLE, q.ta, q.tb, q.m, q.n, q.k, q.a, q.lda, q.b, q.ldb, q.add, whole, q.ldc);
        for (int i = 0, h; i < q.m; i += h)
            for (int j = (h = 1 + below(q.m - i), 0), w; j < q.n; j += w) {
                w = 1 + below(q.n - j);
                product(WHOLE, q.ta, q.tb, h, w, q.k, a_at(&q, i, 0), q.lda, b_at(&q, 0, j), q.ldb,
                        q.add, q.c + i * q.ldc + j, q.ldc);
            }
        for (int i = 0; i < q.m; i++)
            assert_memory_equal(q.c + i * q.ldc, whole + i * q.ldc, (size_t)q.n * sizeof(real));
        free(whole);
        case_free(&q);
    }
}

static void packed_products_are_the_same(void **state)
{
    (void)state;
    for (int t = 0; t < 60; t++) {
        int n = 1 + below(3 * ROWS), c_in = 1 + below(90), c_out = 1 + below(3 * COLS),
            add = below(2);
        real *x = numbers((size_t)n * c_in), *w = numbers((size_t)c_out * c_in);
        real *y = numbers((size_t)n * c_out), *z = copy(y, (size_t)n * c_out);
        real *panel = numbers((size_t)whole_panels(c_out) * c_in);
        pack(panel, w, 1, c_in, c_in, c_out);
        matmul_packed(y, x, panel, n, c_in, c_out, add);
        product(WHOLE, 0, 1, n, c_out, c_in, x, c_in, w, c_in, add, z, c_out);
        assert_memory_equal(y, z, (size_t)n * c_out * sizeof(real));
        free(x), free(w), free(y), free(z), free(panel);
    }
}

// ------------------------------------------------------------------------------------
// workers

enum { OUTER = 3, INNER = 40 };
static struct {
    pthread_mutex_t lock;
    int done[OUTER][INNER], depth_3;
} count = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void third_job(void *context, int i)
{
    (void)context, (void)i;
    pthread_mutex_lock(&count.lock);
    count.depth_3++;
    pthread_mutex_unlock(&count.lock);
}

static void inner_job(void *context, int i)
{
    int outer = *(int *)context;
    pthread_mutex_lock(&count.lock);
    count.done[outer][i]++;
    pthread_mutex_unlock(&count.lock);
    if (i == 7) parallel(5, third_job, NULL);
}

static void outer_job(void *context, int i)
{
    (void)context;
    parallel(INNER, inner_job, &i);
    for (int k = 0; k < INNER; k++) /* all are done when parallel returns */
        if (count.done[i][k] != 1) count.depth_3 = -1000;
}

static void jobs_within_jobs_run_once(void **state)
{
    (void)state;
    for (n_workers = 1; n_workers <= 7; n_workers++)
        for (int t = 0; t < 50; t++) {
            memset(count.done, 0, sizeof count.done);
            count.depth_3 = 0;
            parallel(OUTER, outer_job, NULL);
            for (int i = 0; i < OUTER; i++)
                for (int k = 0; k < INNER; k++) assert_int_equal(count.done[i][k], 1);
            assert_int_equal(count.depth_3, OUTER * 5);
        }
    n_workers = 1;
}

/* Two jobs that wait for each other: they end only if two threads run them, one of them a worker
 * that joined a loop opened by another's job. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t both;
    int here, alone;
} meeting = { .lock = PTHREAD_MUTEX_INITIALIZER, .both = PTHREAD_COND_INITIALIZER };

static void meet(void *context, int i)
{
    struct timespec until;
    (void)context, (void)i;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&meeting.lock);
    meeting.here++;
    pthread_cond_broadcast(&meeting.both);
    while (meeting.here < 2 && !meeting.alone)
        if (pthread_cond_timedwait(&meeting.both, &meeting.lock, &until)) meeting.alone = 1;
    pthread_mutex_unlock(&meeting.lock);
}

static void one_long_job(void *context, int i)
{
    (void)context;
    while (i == 1 && helpers() == 0) usleep(1000); /* until the other job is done */
    if (i == 1) parallel(2, meet, NULL);
}

static void idle_workers_help(void **state)
{
    (void)state;
    n_workers = 2;
    parallel(2, one_long_job, NULL);
    assert_int_equal(meeting.here, 2);
    assert_int_equal(meeting.alone, 0);
    n_workers = 1;
}

typedef struct {
    real *y, *x, *w;
    int n, c_in, c_out;
} Layer;

static void layer_job(void *context, int i)
{
    Layer *l = (Layer *)context + i;
    matmul(l->y, l->x, l->w, l->n, l->c_in, l->c_out);
    matmul_add(l->y, l->x, l->w, l->n, l->c_in, l->c_out);
    matmul_dx(l->x, l->y, l->w, l->n, l->c_in, l->c_out, 1);
    matmul_dw(l->w, l->y, l->x, l->n, l->c_in, l->c_out);
}

/* More workers than jobs: the products are cut, the bytes are not. */
static void shared_products_are_the_same(void **state)
{
    (void)state;
    enum { N = 260, IN = 130, OUT = 200 };
    real *first[3] = { 0 };
    const size_t size[3] = { N * OUT, N * IN, OUT * IN };
    for (int workers = 1; workers <= 6; workers++) {
        n_workers = workers;
        Layer l[2];
        for (int k = 0; k < 2; k++) {
            seed = 5;
            l[k] = (Layer){ numbers(size[0]), numbers(size[1]), numbers(size[2]), N, IN, OUT };
        }
        parallel(2, layer_job, l);
        for (int k = 0; k < 2; k++) {
            real *got[3] = { l[k].y, l[k].x, l[k].w };
            for (int j = 0; j < 3; j++) {
                if (!first[j]) first[j] = got[j];
                else assert_memory_equal(got[j], first[j], size[j] * sizeof(real));
                if (got[j] != first[j]) free(got[j]);
            }
        }
    }
    for (int j = 0; j < 3; j++) free(first[j]);
    n_workers = 1;
}

static void count_up(void *context, int i) { ((int *)context)[i]++; }

/* In a child whose memory ends before a worker's stack: all jobs are done, by the caller. */
static void refused_threads_cost_time_only(void **state)
{
    (void)state, (void)count_up;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* these map terabytes */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int done[100] = { 0 }, right = 1;
        struct rlimit all = { 4 << 20, 4 << 20 };
        if (setrlimit(RLIMIT_AS, &all)) _exit(2);
        n_workers = 64;
        parallel(100, count_up, done);
        for (int i = 0; i < 100; i++) right &= done[i] == 1;
        _exit(!right);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
#endif
}

// ------------------------------------------------------------------------------------
// cores: control groups as they are written, in a folder of our own

static char folder[] = "/tmp/cai_cores_XXXXXX";

static void put(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *c = path + strlen(folder) + 1; *c; c++)
        if (*c == '/') *c = 0, mkdir(path, 0700), *c = '/';
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int cores_of(const char *self)
{
    char path[300];
    put("self", self);
    snprintf(path, sizeof path, "%s/self", folder);
    return cgroup_cores(path, folder);
}

static void cores_are_those_granted(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(cores_of("0::/\n"), 0); /* no such file: no limit */
    assert_int_equal(cgroup_cores("/nowhere", folder), 0);
    put("cpu.max", "max 100000\n");
    assert_int_equal(cores_of("0::/\n"), 0);
    put("cpu.max", "200000 100000\n");
    assert_int_equal(cores_of("0::/\n"), 2);
    assert_int_equal(cores_of("0::/a/b\n"), 2); /* a group lies in those above it */
    put("a/b/cpu.max", "50000 100000\n");
    assert_int_equal(cores_of("0::/a/b\n"), 1); /* half a core is one worker */
    put("a/b/cpu.max", "150000 100000\n");
    put("a/cpu.max", "max 100000\n");
    put("cpu.max", "300000 100000\n");
    assert_int_equal(cores_of("0::/a/b\n"), 2);
    assert_int_equal(cores_of("0::/a\n"), 3);
    put("cpu.max", "rubbish\n");
    assert_int_equal(cores_of("0::/\n"), 0);
    put("cpu/docker/x/cpu.cfs_quota_us", "400000\n"); /* version 1 */
    put("cpu/docker/x/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cores_of("4:memory:/docker/x\n1:cpu:/docker/x\n"), 4);
    assert_int_equal(cores_of("4:memory:/docker/x\n1:cpuset:/docker/x\n"), 0);
    put("cpu/docker/x/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(cores_of("1:cpu:/docker/x\n"), 0);
    put("cpu/docker/x/cpu.cfs_quota_us", "-300000\n");
    assert_int_equal(cores_of("1:cpu:/docker/x\n"), 0);
    put("cpu,cpuacct/y/cpu.cfs_quota_us", "100000\n");
    put("cpu,cpuacct/y/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cores_of("2:cpu,cpuacct:/y\n"), 1);
    assert_int_equal(cores_of("nonsense\n"), 0);
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    assert_true(allowed_cores() >= 1);
}

// ------------------------------------------------------------------------------------
// kernels

static void vectors_need_all_their_parts(void **state)
{
    (void)state;
    static const struct {
        int has[7];
        Width width;
    } T[] = {
        /* avx avx2 fma f bw dq vl */
        { { 0, 0, 0, 0, 0, 0, 0 }, NARROW }, { { 1, 0, 0, 0, 0, 0, 0 }, AVX },
        { { 1, 0, 1, 0, 0, 0, 0 }, AVX },    { { 1, 1, 0, 0, 0, 0, 0 }, AVX },
        { { 1, 1, 1, 0, 0, 0, 0 }, AVX2 },   { { 1, 1, 1, 1, 0, 0, 0 }, AVX2 },
        { { 1, 1, 1, 1, 1, 1, 0 }, AVX2 },   { { 1, 1, 1, 1, 1, 0, 1 }, AVX2 },
        { { 1, 1, 1, 1, 0, 1, 1 }, AVX2 },   { { 1, 1, 1, 1, 1, 1, 1 }, AVX512 },
        { { 0, 0, 0, 1, 1, 1, 1 }, NARROW },
    };
    for (size_t i = 0; i < sizeof T / sizeof *T; i++) {
        const int *h = T[i].has;
        assert_int_equal(vector_width(h[0], h[1], h[2], h[3], h[4], h[5], h[6]), T[i].width);
    }
}

#define INTEL "GenuineIntel"
#define AMD "AuthenticAMD"

/* What is taken ("own", or the name that the library is asked for, "" as it likes), and a piece
 * of the reason. Cores by themselves: what OpenBLAS of that version takes for the processor. */
// clang-format off
static const struct {
    const char *what, *vendor;
    int family, model;
    Width width, tiles;
    const char *version, *core;
    int dynamic;
    const char *named, *want, *reason;
} CASES[] = {
    /* a program built for any processor (make ARCH=), so that the library has the wider vectors */
    { "Sapphire Rapids", INTEL, 6, 143, AVX512, NARROW,
      "0.3.21", "SapphireRapids", 1, "", "", "own choice" },
    { "Emerald Rapids, taken for the oldest", INTEL, 6, 207, AVX512, NARROW,
      "0.3.21", "Prescott", 1, "", "SkylakeX", "Prescott on GenuineIntel family 6 model 207" },
    { "Granite Rapids, taken for the oldest", INTEL, 6, 173, AVX512, NARROW,
      "0.3.21", "Prescott", 1, "", "SkylakeX", "AVX-512" },
    { "Skylake server", INTEL, 6, 85, AVX512, NARROW,
      "0.3.21", "SkylakeX", 1, "", "", "own choice" },
    { "Cooper Lake: its kernels are the slower", INTEL, 6, 85, AVX512, NARROW,
      "0.3.21", "Cooperlake", 1, "", "SkylakeX", "Cooperlake" },
    { "Knights Landing: AVX-512 in part", INTEL, 6, 87, AVX2, NARROW,
      "0.3.21", "Haswell", 1, "", "", "own choice" },
    { "Haswell", INTEL, 6, 60, AVX2, NARROW,
      "0.3.21", "Haswell", 1, "", "", "own choice" },
    { "Meteor Lake, unknown to 0.3.21", INTEL, 6, 170, AVX2, NARROW,
      "0.3.21", "Prescott", 1, "", "Haswell", "AVX2" },
    { "Alder Lake, known to 0.3.21", INTEL, 6, 151, AVX2, NARROW,
      "0.3.21", "Haswell", 1, "", "", "own choice" },
    { "Sandy Bridge", INTEL, 6, 42, AVX, NARROW,
      "0.3.21", "Sandybridge", 1, "", "", "own choice" },
    { "Ivy Bridge, taken for Nehalem", INTEL, 6, 58, AVX, NARROW,
      "0.2.20", "Nehalem", 1, "", "Sandybridge", "Nehalem" },
    { "Atom without AVX", INTEL, 6, 92, NARROW, NARROW,
      "0.3.21", "Nehalem", 1, "", "", "own choice" },
    { "Core 2", INTEL, 6, 23, NARROW, NARROW,
      "0.3.21", "Penryn", 1, "", "", "own choice" },
    { "Zen", AMD, 23, 1, AVX2, NARROW,
      "0.3.21", "Zen", 1, "", "", "own choice" },
    { "Zen 2", AMD, 23, 49, AVX2, NARROW,
      "0.3.21", "Zen", 1, "", "", "own choice" },
    { "Zen 3", AMD, 25, 33, AVX2, NARROW,
      "0.3.21", "Zen", 1, "", "", "own choice" },
    { "Zen 3, unknown to an old one", AMD, 25, 33, AVX2, NARROW,
      "0.3.5", "Barcelona", 1, "", "Haswell", "family 25" },
    { "Zen 4, AVX2 kernels taken", AMD, 25, 17, AVX512, NARROW,
      "0.3.20", "Zen", 1, "", "SkylakeX", "Zen on AuthenticAMD" },
    { "Zen 5", AMD, 26, 2, AVX512, NARROW,
      "0.3.21", "Cooperlake", 1, "", "SkylakeX", "family 26" },
    { "Piledriver", AMD, 21, 2, AVX, NARROW,
      "0.3.21", "Piledriver", 1, "", "", "own choice" },
    { "K10", AMD, 16, 4, NARROW, NARROW,
      "0.3.21", "Barcelona", 1, "", "", "own choice" },
    { "Hygon", "HygonGenuine", 24, 0, AVX2, NARROW,
      "0.3.21", "Zen", 1, "", "", "own choice" },
    { "Zhaoxin", "CentaurHauls", 7, 27, AVX2, NARROW,
      "0.3.21", "Nehalem", 1, "", "Haswell", "CentaurHauls" },
    { "virtual machine of an unknown vendor", "VirtualApple", 6, 44, AVX512, NARROW,
      "0.3.21", "Prescott", 1, "", "SkylakeX", "VirtualApple" },
    { "virtual machine that hides AVX", INTEL, 6, 207, NARROW, NARROW,
      "0.3.21", "Prescott", 1, "", "", "own choice" },
    { "no x86", "", 0, 0, NARROW, NARROW,
      "0.3.21", "neoversen1", 1, "", "", "own choice" },
    /* a program built for its processor: our own tiles, unless the user wants others */
    { "own tiles, AVX-512, Intel", INTEL, 6, 207, AVX512, AVX512,
      "0.3.21", "Prescott", 1, "", "own", "as wide as" },
    { "own tiles, AVX-512, AMD", AMD, 26, 2, AVX512, AVX512,
      "0.3.21", "Cooperlake", 1, "", "own", "as wide as" },
    { "own tiles, AVX2", AMD, 23, 49, AVX2, AVX2, "0.3.21", "Zen", 1, "", "own", "as wide as" },
    { "own tiles, no library", INTEL, 6, 60, AVX2, AVX2, "", "", 0, "", "own", "as wide as" },
    { "AVX2 tiles on a processor with AVX-512", INTEL, 6, 207, AVX512, AVX2,
      "0.3.21", "Prescott", 1, "", "SkylakeX", "AVX-512" },
    { "own tiles for any processor, one without AVX", INTEL, 6, 92, NARROW, NARROW,
      "0.3.21", "Nehalem", 1, "", "", "own choice" },
    { "own tiles, and kernels named", AMD, 26, 2, AVX512, AVX512,
      "0.3.21", "Cooperlake", 1, "Haswell", "Haswell", "OPENBLAS_CORETYPE" },
    { "own tiles, kernels named, no library", AMD, 26, 2, AVX512, AVX512,
      "", "", 0, "Haswell", "own", "no OpenBLAS" },
    /* the library's side */
    { "built for one processor", INTEL, 6, 207, AVX512, NARROW,
      "0.3.21", "Nehalem", 0, "", "", "no others" },
    { "not installed", INTEL, 6, 207, AVX512, NARROW,
      "", "", 0, "", "own", "no OpenBLAS" },
    /* the user's word */
    { "named by the user", INTEL, 6, 207, AVX512, NARROW,
      "0.3.21", "Prescott", 1, "Haswell", "Haswell", "OPENBLAS_CORETYPE" },
    { "named, against better knowledge", AMD, 26, 2, AVX512, NARROW,
      "0.3.21", "Prescott", 1, "Prescott", "Prescott", "OPENBLAS_CORETYPE" },
    { "named, unknown to all", AMD, 26, 2, AVX512, NARROW,
      "0.3.21", "Cooperlake", 1, "Foo", "Foo", "OPENBLAS_CORETYPE" },
    { "named, and no library", AMD, 26, 2, AVX512, NARROW,
      "", "", 0, "Haswell", "own", "no OpenBLAS" },
};
// clang-format on

static void kernels_suit_processor_and_library(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Processor p = { CASES[i].vendor, CASES[i].family, CASES[i].model, CASES[i].width };
        Library l = { .dynamic = CASES[i].dynamic };
        strcpy(l.version, CASES[i].version), strcpy(l.core, CASES[i].core);
        Kernels k = choose_kernels(&p, CASES[i].tiles, &l, CASES[i].named);
        const char *got = k.library ? k.core : "own";
        if (strcmp(got, CASES[i].want) || !strstr(k.reason, CASES[i].reason))
            fail_msg("%s: took \"%s\" (%s), wanted \"%s\" (%s)", CASES[i].what, got, k.reason,
                     CASES[i].want, CASES[i].reason);
    }
}

/* Whatever this machine has: something is used, and said; and it multiplies. */
static void something_is_used(void **state)
{
    (void)state;
    kernels_start();
    assert_true(strlen(kernels_used()) > 5);
    assert_true(strlen(kernels_reason()) > 5);
    for (int t = 0; t < 30; t++) {
        Case q = random_case(1 + below(200), 1 + below(200), 1 + below(300));
        free(q.a), free(q.b);
        q.ta = 0, q.tb = 1, q.lda = q.ldb = q.k, q.ldc = q.n, q.add = 0;
        q.a = numbers((size_t)q.m * q.k), q.b = numbers((size_t)q.n * q.k);
        matmul(q.c, q.a, q.b, q.m, q.k, q.n);
        check_product(&q, NULL, WHOLE);
        case_free(&q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right),
        cmocka_unit_test(triangles_are_right),
        cmocka_unit_test(a_cut_changes_no_byte),
        cmocka_unit_test(packed_products_are_the_same),
        cmocka_unit_test(refused_threads_cost_time_only), /* before workers are started */
        cmocka_unit_test(jobs_within_jobs_run_once),
        cmocka_unit_test(idle_workers_help),
        cmocka_unit_test(shared_products_are_the_same),
        cmocka_unit_test(cores_are_those_granted),
        cmocka_unit_test(vectors_need_all_their_parts),
        cmocka_unit_test(kernels_suit_processor_and_library),
        cmocka_unit_test(something_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
