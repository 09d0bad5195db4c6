/* lib/kernels.h -- which code multiplies matrices: ours or OpenBLAS's, and which kernels of that.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_KERNELS_H
#define CAI_KERNELS_H

/* Decides, loads and checks, once; nothing more happens when it is called again. Every model_new
 * calls it, so a program need not, unless it wants to know before. */
void kernels_start(void);
const char *kernels_used(void);   /* e.g. "OpenBLAS 0.3.21, SkylakeX kernels" */
const char *kernels_reason(void); /* e.g. "its own choice" */

/* The decision by itself, for any processor and any library. */
typedef enum { NARROW, AVX, AVX2, AVX512 } Width; /* vectors; AVX2 includes FMA */
typedef struct {
    const char *vendor; /* as cpuid says it; "": no x86 */
    int family, model;
    Width width; /* the widest that processor and system allow */
} Processor;
typedef struct {
    char version[16], core[32]; /* "0.3.21"; the kernels it takes by itself, "": no library */
    int dynamic;                /* it has kernels for several processors */
} Library;
typedef struct {
    int library;   /* 0: our own tiles */
    char core[32]; /* kernels to ask the library for, "": as it likes */
    char reason[200];
} Kernels;
/* tiles: what our own were built for; named: OPENBLAS_CORETYPE of the user's, "" if unset. */
Kernels choose_kernels(const Processor *p, Width tiles, const Library *l, const char *named);

/* The widest vectors by what processor and system say of themselves; each argument 0 or 1.
 * AVX-512 means what the kernels use: the foundation with BW, DQ and VL. */
Width vector_width(int avx, int avx2, int fma, int f, int bw, int dq, int vl);

#endif
