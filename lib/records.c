/* lib/records.c -- files.txt, a line "STAGE CHECKSUM FILE" for everything a finished stage wrote, in the
 * order of time.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "lib/records.h"
#include "lib/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Path path_in(const char *folder, const char *name)
{
    Path p;
    int n = snprintf(p.s, sizeof p.s, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof p.s) die(EXIT_INPUT, "%.40s: the path is too long; choose a shorter --out", folder);
    return p;
}

static int stage_number(const Records *k, const char *stage)
{
    for (int i = 0; i < k->n_stages; i++)
        if (strcmp(k->stages[i], stage) == 0) return i;
    return -1;
}

static Path path_of(const Records *k, const Record *r)
{
    for (int i = 0; i < k->n_own; i++) {
        if (strcmp(r->file, k->own[i].flag)) continue;
        Path p;
        snprintf(p.s, sizeof p.s, "%s", k->own[i].path);
        return p;
    }
    return path_in(k->folder, r->file);
}

uint64_t sum_of_file(const char *path)
{
    size_t size;
    char *data = read_file(path, &size);
    uint64_t sum = checksum(data, size, 0);
    free(data);
    return sum;
}

/* Of what a person gave: one file, or several with commas between. */
static uint64_t sum_of_list(const char *paths)
{
    uint64_t sum = 0;
    if (access(paths, F_OK) == 0) return sum_of_file(paths);
    char *copy = xstrdup(paths), *save = NULL;
    for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        uint64_t one = sum_of_file(p);
        sum = checksum(&one, sizeof one, sum);
    }
    free(copy);
    return sum;
}

static void add_record(Records *k, const char *stage, const char *file, uint64_t sum, int unsure)
{
    k->r = xrealloc(k->r, (size_t)k->n + 1, sizeof(Record));
    k->r[k->n++] = (Record){ xstrdup(stage), xstrdup(file), sum, unsure };
}

void records_load(Records *k)
{
    Path path = path_in(k->folder, "files.txt");
    k->loaded = 1;
    if (access(path.s, F_OK)) return;
    char *text = read_text(path.s), *next = text, *s;
    for (int line = 1; (s = next) && *s; line++) {
        char stage[16], sum[17], end;
        int at = 0;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        int ok = sscanf(s, "%15s %16[0-9a-f]%c%n", stage, sum, &end, &at) == 3 && strlen(sum) == 16
                 && end == ' ' && s[at];
        const char *name = stage + (*stage == '?');
        if (!ok || !next || (stage_number(k, name) < 0 && strcmp(name, "run")))
            die(EXIT_INPUT, "%s:%d: not a line \"STAGE CHECKSUM FILE\"; remove the file, and cai run "
                "makes every stage anew", path.s, line);
        add_record(k, name, s + at, strtoull(sum, NULL, 16), name > stage);
    }
    free(text);
}

void records_save(Records *k)
{
    Path path = path_in(k->folder, "files.txt");
    FILE *f = create_file(path.s);
    for (int i = 0; i < k->n; i++) {
        const Record *r = &k->r[i];
        fprintf(f, "%s%s %016llx %s\n", r->unsure ? "?" : "", r->stage, (unsigned long long)r->sum, r->file);
    }
    commit_file(f, path.s);
}

static void check_record(const Records *k, const Record *r)
{
    Path path = path_of(k, r);
    if (r->unsure) return;
    if (*r->file == '-') {
        if (sum_of_list(path.s) == r->sum) return;
        die(EXIT_INPUT, "%s: has changed since the stage %s read it; go on with --from %s, or choose "
            "another --out", path.s, r->stage, r->stage);
    }
    if (access(path.s, F_OK) || sum_of_file(path.s) == r->sum) return;
    Path list = path_in(k->folder, "files.txt");
    if (strcmp(r->stage, "run") == 0)
        die(EXIT_INPUT, "%s: has changed since the run began; if the change is yours, remove its line from %s",
            path.s, list.s);
    die(EXIT_INPUT, "%s: is not as the stage %s wrote it; make it anew with cai run --from %s, or, if the "
        "change is yours, remove its line from %s", path.s, r->stage, r->stage, list.s);
}

Path records_read(Records *k, const char *name)
{
    if (!k->loaded) records_load(k);
    for (int i = 0; i < k->n; i++)
        if (strcmp(k->r[i].file, name) == 0) check_record(k, &k->r[i]);
    return path_in(k->folder, name);
}

/* Where the records of a stage begin and end among the first n; 1 if it has any. */
static int find_block(const Records *k, const char *stage, int n, int *first, int *end)
{
    for (*first = 0; *first < n && strcmp(k->r[*first].stage, stage); ++*first) { }
    for (*end = *first; *end < n && strcmp(k->r[*end].stage, stage) == 0; ++*end) { }
    return *end > *first;
}

int first_unfinished(Records *k, int end)
{
    int last = 0;
    for (int s = 0; s < end; s++) {
        int first, stop;
        if (!find_block(k, k->stages[s], k->n, &first, &stop) || first < last) return s;
        last = first;
        for (int i = first; i < stop; i++) {
            const Record *r = &k->r[i];
            if (r->unsure || (*r->file != '-' && access(path_of(k, r).s, F_OK))) return s;
            check_record(k, r);
        }
    }
    return end;
}

void check_own_files(Records *k, int from)
{
    for (int i = 0; i < k->n; i++)
        if (*k->r[i].file == '-' && stage_number(k, k->r[i].stage) < from) check_record(k, &k->r[i]);
}

void mark_unsure(Records *k, int stage)
{
    int first, end, changed = 0;
    find_block(k, k->stages[stage], k->n, &first, &end);
    for (int i = first; i < end; i++) {
        changed |= !k->r[i].unsure;
        k->r[i].unsure = 1;
    }
    if (changed) records_save(k);
}

static void remove_records(Records *k, int first, int end)
{
    for (int i = first; i < end; i++) { free(k->r[i].stage); free(k->r[i].file); }
    memmove(k->r + first, k->r + end, (size_t)(k->n - end) * sizeof(Record));
    k->n -= end - first;
}

/* Whether records first..end-1 and those from `fresh` on name the same files with the same checksums. */
static int same_records(const Records *k, int first, int end, int fresh)
{
    int same = 0;
    for (int i = first; i < end; i++)
        for (int j = fresh; j < k->n; j++)
            same += strcmp(k->r[i].file, k->r[j].file) == 0 && k->r[i].sum == k->r[j].sum;
    return same == end - first && same == k->n - fresh;
}

/* When the files hold the same bytes as before, the records keep their place, and what was made from
 * them stays finished; else they come last. */
void record_stage(Records *k, const char *stage, const char *const *files, int n_files)
{
    int old = k->n, first, end;
    for (int i = 0; i < n_files; i++) {
        Path path = path_in(k->folder, files[i]);
        if (access(path.s, F_OK) == 0) add_record(k, stage, files[i], sum_of_file(path.s), 0);
    }
    for (int i = 0; i < k->n_own; i++)
        if (strcmp(k->own[i].stage, stage) == 0)
            add_record(k, stage, k->own[i].flag, sum_of_list(k->own[i].path), 0);
    if (old < k->n && find_block(k, stage, old, &first, &end)) {
        for (int i = first; i < end; i++) k->r[i].unsure = 0;
        if (same_records(k, first, end, old)) remove_records(k, old, k->n);
        else remove_records(k, first, end);
    }
    records_save(k);
}
