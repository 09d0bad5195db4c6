/* lib/kernels.c -- which code multiplies matrices: ours or OpenBLAS's, and which kernels of that.
 *
 * OpenBLAS has kernels for many processors and takes, of those that it does not know, its oldest.
 * It is opened at run time, when its settings have been made: a program that is linked to it has
 * it loaded before main, with threads of its own. It is tried in a child process first, since old
 * builds compute wrongly, crash or hang on processors that are younger than they are.
 *
 * All that happens where our own tiles are not as wide as the processor's vectors, or where the
 * user names kernels by OPENBLAS_CORETYPE.
 *
 * Reading order: the processor, the decision, the trial, the start.
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE
#include "lib/kernels.h"
#include "lib/files.h"
#include "lib/gemm.h"
#include "lib/threads.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#if defined(CAI_OPENBLAS)
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#elif defined(CAI_ACCELERATE)
#include <Accelerate/Accelerate.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

// ------------------------------------------------------------------------------------
// The processor

static const Width TILES = VECTOR_BYTES == 64 ? AVX512 : VECTOR_BYTES == 32 ? AVX2 : NARROW;
static const char *const WIDTH_NAME[] = { "128-bit vectors", "AVX", "AVX2", "AVX-512" };

Width vector_width(int avx, int avx2, int fma, int f, int bw, int dq, int vl)
{
    if (avx2 && fma && f && bw && dq && vl) return AVX512;
    if (avx2 && fma) return AVX2;
    return avx ? AVX : NARROW;
}

/* cpuid's vendor (written to vendor), family and model; the compiler's own test of a vector set
 * asks the system too. */
static Processor this_processor(char vendor[13])
{
    Processor p = { .vendor = vendor };
    vendor[0] = 0;
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return p;
    memcpy(vendor, &b, 4), memcpy(vendor + 4, &d, 4), memcpy(vendor + 8, &c, 4), vendor[12] = 0;
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        p.family = (int)(a >> 8 & 15), p.model = (int)(a >> 4 & 15);
        if (p.family == 6 || p.family == 15) p.model += (int)(a >> 12 & 0xf0);
        if (p.family == 15) p.family += (int)(a >> 20 & 255);
    }
    __builtin_cpu_init();
    p.width =
        vector_width(!!__builtin_cpu_supports("avx"), !!__builtin_cpu_supports("avx2"),
                     !!__builtin_cpu_supports("fma"), !!__builtin_cpu_supports("avx512f"),
                     !!__builtin_cpu_supports("avx512bw"), !!__builtin_cpu_supports("avx512dq"),
                     !!__builtin_cpu_supports("avx512vl"));
#endif
    return p;
}

// ------------------------------------------------------------------------------------
// The decision

/* The vectors that a core's kernels use. Names that are not here are of processors without AVX. */
static Width width_of_core(const char *core)
{
    // clang-format off
    static const struct { const char *core; Width width; } CORES[] = {
        { "SkylakeX", AVX512 }, { "Cooperlake", AVX512 }, { "SapphireRapids", AVX512 },
        { "Haswell", AVX2 },    { "Zen", AVX2 },          { "Sandybridge", AVX },
        { "Bulldozer", AVX },   { "Piledriver", AVX },    { "Steamroller", AVX },
        { "Excavator", AVX },
    };
    // clang-format on
    for (size_t i = 0; i < sizeof CORES / sizeof *CORES; i++)
        if (strcasecmp(core, CORES[i].core) == 0) return CORES[i].width;
    return NARROW;
}

/* Our own tiles, if they were built for the widest vectors of the processor: they are as fast as
 * the library's then (docs/performance.md), and what they compute does not change with the library
 * that a distribution has, or with the processor that runs the program. */
static int own_tiles_suit(const Processor *p, Width tiles)
{
    return tiles >= AVX2 && tiles >= p->width;
}

Kernels choose_kernels(const Processor *p, Width tiles, const Library *l, const char *named)
{
    static const char *const BEST[] = { "", "Sandybridge", "Haswell", "SkylakeX" };
    Kernels k = { .library = 1 };
    Width found = width_of_core(l->core);
    size_t size = sizeof k.reason;
    if (!named[0] && own_tiles_suit(p, tiles)) {
        k.library = 0;
        snprintf(k.reason, size, "as wide as this processor's vectors");
    } else if (!l->core[0]) {
        k.library = 0;
        snprintf(k.reason, size, "no OpenBLAS found");
    } else if (named[0]) {
        snprintf(k.core, sizeof k.core, "%s", named);
        snprintf(k.reason, size, "OPENBLAS_CORETYPE names them");
    } else if (!l->dynamic) snprintf(k.reason, size, "it was built with no others");
    else if (found < p->width || strcasecmp(l->core, "Cooperlake") == 0) {
        snprintf(k.core, sizeof k.core, "%s", BEST[p->width]);
        snprintf(k.reason, size, "by itself it takes %s on %s family %d model %d, which has %s",
                 l->core, p->vendor, p->family, p->model, WIDTH_NAME[p->width]);
    } else snprintf(k.reason, size, "its own choice");
    return k;
}

#if defined(CAI_OPENBLAS) || defined(CAI_ACCELERATE)

// ------------------------------------------------------------------------------------
// The trial: one small product of each kind, in whole numbers, so that every order of sums is exact

static int whole_number(int i, int salt) { return (i * 37 + salt) % 7 - 3; }

/* 1 if the library multiplies rightly: c (m, n) = op(a) op(b) + add c, against three plain
 * loops. */
static int multiplies(LibraryProduct *f, int ta, int tb, int add)
{
    enum { M = 67, N = 93, K = 131 };
    int right = 1;
    real *a = xcalloc(M * K, sizeof(real)), *b = xcalloc(K * N, sizeof(real));
    real *c = xcalloc(M * N, sizeof(real)); /* not on a stack, which may be small */
    for (int i = 0; i < M * K; i++) a[i] = (real)whole_number(i, 1);
    for (int i = 0; i < K * N; i++) b[i] = (real)whole_number(i, 2);
    for (int i = 0; i < M * N; i++) c[i] = (real)whole_number(i, 3);
    f(101, 111 + ta, 111 + tb, M, N, K, 1, a, ta ? M : K, b, tb ? K : N, (real)add, c, N);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            int sum = add ? whole_number(i * N + j, 3) : 0;
            for (int p = 0; p < K; p++)
                sum += whole_number(ta ? p * M + i : i * K + p, 1)
                       * whole_number(tb ? j * K + p : p * N + j, 2);
            right &= c[i * N + j] == (real)sum;
        }
    free(a);
    free(b);
    free(c);
    return right;
}

static int multiplies_rightly(LibraryProduct *f)
{
    return multiplies(f, 0, 1, 0) && multiplies(f, 0, 0, 1) && multiplies(f, 1, 0, 1);
}

#endif

#if defined(CAI_OPENBLAS)

/* Opens the library, once its settings are made; NULL if there is none. *l is what it says of
 * itself. */
static LibraryProduct *open_library(const char *core, Library *l)
{
    static const char *const FILES[] = { "libopenblas.so.0", "libopenblas.so" };
    void *file = NULL;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (core[0]) setenv("OPENBLAS_CORETYPE", core, 1);
    for (int i = 0; i < 2 && !file; i++) file = dlopen(FILES[i], RTLD_NOW | RTLD_LOCAL);
    if (!file) return NULL;

    char *(*config)(void), *(*corename)(void);
    LibraryProduct *f;
    *(void **)&config = dlsym(file, "openblas_get_config");
    *(void **)&corename = dlsym(file, "openblas_get_corename");
    *(void **)&f = dlsym(file, sizeof(real) == sizeof(double) ? "cblas_dgemm" : "cblas_sgemm");
    if (!config || !corename || !f) return NULL;
    if (sscanf(config(), "OpenBLAS %15s", l->version) != 1) strcpy(l->version, "?");
    l->dynamic = strstr(config(), "DYNAMIC_ARCH") != NULL;
    snprintf(l->core, sizeof l->core, "%s", corename());
    return f;
}

enum { TRIAL_SECONDS = 5 };

/* Whether this process may run out of address space (ulimit -v, -d) in the midst of a product:
 * OpenBLAS, which asks for some 100 MB a thread at its first one, then waits for ever. */
static int memory_is_short(void)
{
    const int limits[] = { RLIMIT_AS, RLIMIT_DATA };
    const rlim_t enough = (rlim_t)(1 + n_workers) << 30;
    struct rlimit r;
    for (int i = 0; i < 2; i++)
        if (getrlimit(limits[i], &r) == 0 && r.rlim_cur != RLIM_INFINITY && r.rlim_cur < enough)
            return 1;
    return 0;
}

/* The child's part: tells what the library is through `out` and ends with status 0 if it is
 * right. */
_Noreturn static void trial(const char *core, int out)
{
    struct rlimit no_core_file = { 0, 0 };
    int nowhere = open("/dev/null", O_WRONLY);
    setrlimit(RLIMIT_CORE, &no_core_file);
    dup2(nowhere, 1), dup2(nowhere, 2);
    signal(SIGALRM, SIG_DFL);
    alarm(TRIAL_SECONDS);
    Library l = { 0 };
    LibraryProduct *f = open_library(core, &l);
    if (!f) _exit(2);
    if (write(out, &l, sizeof l) != (ssize_t)sizeof l) _exit(3);
    _exit(multiplies_rightly(f) ? 0 : 1);
}

/* Tries the library with these kernels ("": as it likes, or as the user named them). Returns
 * what is wrong with it, or NULL; *l as above, l->core "" if there is no library. */
static const char *try_library(const char *core, Library *l)
{
    int ends[2], status;
    *l = (Library){ 0 };
    if (pipe(ends)) return "could not be tried";
    pid_t child = fork();
    if (child == 0) trial(core, ends[1]);
    close(ends[1]);
    ssize_t n = child < 0 ? 0 : read(ends[0], l, sizeof *l);
    close(ends[0]);
    if (child < 0) return "could not be tried, as no process may be started";
    while (waitpid(child, &status, 0) != child) continue;
    if (n != (ssize_t)sizeof *l) *l = (Library){ 0 };
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? "hung in a trial" : "crashed in a trial";
    if (WEXITSTATUS(status) == 1) return "multiplied wrongly in a trial";
    if (WEXITSTATUS(status) == 2) return "was not found";
    return WEXITSTATUS(status) || !l->core[0] ? "failed in a trial" : NULL;
}

#endif

// ------------------------------------------------------------------------------------
// The start

/* What was chosen, and why. It is the process's, as the library is: it is opened once, by whichever
 * model comes first, and what computed a run is told long after. */
static struct {
    char used[128], reason[300];
} chosen;

static void use_own_tiles(const char *why)
{
    snprintf(chosen.used, sizeof chosen.used, "own tiles, %s", WIDTH_NAME[TILES]);
    snprintf(chosen.reason, sizeof chosen.reason, "%s", why);
}

#if defined(CAI_OPENBLAS)

static void start(void)
{
    const char *user = getenv("OPENBLAS_CORETYPE");
    char named[32] = "", why[200], vendor[13];
    Processor p = this_processor(vendor);
    Library l = { 0 };
    if (user) snprintf(named, sizeof named, "%s", user);
    if (!named[0] && own_tiles_suit(&p, TILES)) {
        use_own_tiles(choose_kernels(&p, TILES, &l, named).reason);
        return;
    }
    if (memory_is_short()) {
        use_own_tiles("OpenBLAS needs more memory than ulimit -v or -d allows");
        return;
    }
    const char *wrong = try_library("", &l);
    Kernels k = choose_kernels(&p, TILES, &l, named);
    if (!wrong && k.library && k.core[0] && !named[0]) wrong = try_library(k.core, &l);
    snprintf(why, sizeof why, "OpenBLAS %s%s%s", l.version, l.version[0] ? " " : "",
             wrong ? wrong : "");
    if (wrong || !k.library) {
        use_own_tiles(wrong ? why : k.reason);
        return;
    }
    LibraryProduct *f = open_library(k.core, &l);
    if (!named[0]) unsetenv("OPENBLAS_CORETYPE");
    if (!f) {
        use_own_tiles("OpenBLAS could not be opened");
        return;
    }
    product_library(f);
    snprintf(chosen.used, sizeof chosen.used, "OpenBLAS %s, %s kernels", l.version, l.core);
    if (k.core[0] && strcasecmp(k.core, l.core))
        snprintf(chosen.reason, sizeof chosen.reason, "it does not have %s%s", k.core,
                 named[0] ? ", which OPENBLAS_CORETYPE names" : "");
    else snprintf(chosen.reason, sizeof chosen.reason, "%s", k.reason);
}

#elif defined(CAI_ACCELERATE)

/* Accelerate's arguments are enums; called through a function of ours they need no cast. */
static void accelerate(int order, int ta, int tb, int m, int n, int k, real alpha, const real *a,
                       int lda, const real *b, int ldb, real beta, real *c, int ldc)
{
#ifdef CAI_DOUBLE
    cblas_dgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
#else
    cblas_sgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
#endif
}

static void start(void)
{
    if (!multiplies_rightly(accelerate)) {
        use_own_tiles("Accelerate multiplied wrongly in a trial");
        return;
    }
    product_library(accelerate);
    snprintf(chosen.used, sizeof chosen.used, "Accelerate");
    snprintf(chosen.reason, sizeof chosen.reason, "part of the system");
}

#else

static void start(void) { use_own_tiles("built with BLAS=none"); }

#endif

static void start_checked(void)
{
    char vendor[13];
    Processor p = this_processor(vendor);
    if (p.vendor[0] && TILES > p.width)
        die(EXIT_INPUT,
            "this program was built for %s, which this processor or system lacks; "
            "build it here (make clean, make), or with make ARCH= for all",
            WIDTH_NAME[TILES]);
    start();
}

void kernels_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_checked);
}

const char *kernels_used(void)
{
    kernels_start();
    return chosen.used;
}

const char *kernels_reason(void)
{
    kernels_start();
    return chosen.reason;
}
