/* engine/state.c -- the state of a training loop in a file: a run that was stopped goes on from it
 * to the bit.
 *
 * The file holds StateHeader, the weights and both moments as they lie in memory, the caller's
 * notes, and a checksum of all that.
 * SPDX-License-Identifier: MIT
 */
#include "engine/state.h"
#include "lib/files.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    char magic[4]; /* "CAIt" */
    int32_t version;
    uint64_t belongs;   /* the caller's number: what the state is the state of */
    uint64_t real_size; /* bytes of a real: 4, or 8 in the double build */
    uint64_t n_param;
    uint64_t step; /* the optimiser's steps, which AdamW's bias correction counts */
    uint64_t done; /* the caller's count of steps */
    uint64_t notes_size;
} StateHeader;

/* The messages of a numerical error name the last state that is still there. */
static void note_saved(Trainer *t, const char *path)
{
    free(t->saved);
    t->saved = xstrdup(path);
    t->saved_step = t->step;
}

void trainer_save(Trainer *t, const char *path, uint64_t belongs, long done, const char *notes)
{
    size_t n = t->m->n_param, block = n * sizeof(real), size = strlen(notes);
    StateHeader h = { { 'C', 'A', 'I', 't' }, 1,   belongs, sizeof(real), n, (uint64_t)t->step,
                      (uint64_t)done,         size };
    const void *part[] = { &h, t->m->w, t->mean, t->var, notes };
    const size_t bytes[] = { sizeof h, block, block, block, size };
    uint64_t sum = 0;
    FILE *f = create_file(path);
    for (int i = 0; i < 5; i++) {
        sum = checksum(part[i], bytes[i], sum);
        fwrite(part[i], 1, bytes[i], f);
    }
    fwrite(&sum, sizeof sum, 1, f);
    commit_file(f, path); /* finds a write that failed above */
    note_saved(t, path);
}

/* Dies unless file[0..size) is a whole state of version 1. Returns its header. */
static StateHeader read_header(const char *path, const char *file, size_t size)
{
    StateHeader h = { 0 };
    uint64_t sum = 0;
    if (size >= sizeof h + sizeof sum) {
        memcpy(&h, file, sizeof h);
        memcpy(&sum, file + size - sizeof sum, sizeof sum);
    }
    if (memcmp(h.magic, "CAIt", 4) || h.version != 1)
        die(EXIT_INPUT,
            "%s: is no training state of version 1; remove it, and its stage begins anew", path);
    if (sum != checksum(file, size - sizeof sum, 0))
        die(EXIT_INPUT, "%s: its checksum is wrong; remove it, and its stage begins anew", path);
    return h;
}

/* Nothing is taken from the file before all of it is known to be whole. */
long trainer_load(Trainer *t, const char *path, uint64_t belongs, char **notes)
{
    size_t size, n = t->m->n_param, block = n * sizeof(real);
    *notes = NULL;
    if (!is_there(path)) return -1;
    char *file = read_file(path, &size);
    StateHeader h = read_header(path, file, size);
    if (h.belongs != belongs) {
        free(file);
        return -1;
    }
    size_t fixed = sizeof h + 3 * block + sizeof(uint64_t); /* all but the notes */
    if (h.real_size != sizeof(real) || h.n_param != n || size < fixed
        || h.notes_size != size - fixed || h.step > INT32_MAX || h.done > INT32_MAX)
        die(EXIT_INPUT,
            "%s: belongs to a model of other sizes; remove it, and its stage begins anew", path);
    const char *at = file + sizeof h;
    memcpy(t->m->w, at, block);
    memcpy(t->mean, at + block, block);
    memcpy(t->var, at + 2 * block, block);
    *notes = xcalloc(h.notes_size + 1, 1);
    memcpy(*notes, at + 3 * block, h.notes_size);
    t->step = (long)h.step;
    note_saved(t, path);
    free(file);
    return (long)h.done;
}
