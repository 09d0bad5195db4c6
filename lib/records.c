/* lib/records.c -- files.txt, a line "STAGE CHECKSUM FILE" for everything that a stage wrote, and
 * for what it read that the person had put there, in the order of time.
 *
 * Reading order: the file, what a record says of a file, what is finished, the records of a stage.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "lib/records.h"
#include "lib/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// The file

Path path_in(const char *folder, const char *name)
{
    Path p;
    int n = snprintf(p.s, sizeof p.s, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof p.s)
        die(EXIT_INPUT, "%.40s: the path is too long; choose a shorter --out", folder);
    return p;
}

uint64_t sum_of_file(const char *path)
{
    size_t size;
    char *data = read_file(path, &size);
    uint64_t sum = checksum(data, size, 0);
    free(data);
    return sum;
}

static int stage_number(const Records *k, const char *stage)
{
    for (int i = 0; i < k->n_stages; i++)
        if (strcmp(k->stages[i], stage) == 0) return i;
    return -1;
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
    if (!is_there(path.s)) return;
    char *text = read_text(path.s), *next = text, *s;
    for (int line = 1; (s = next) && *s; line++) {
        char stage[16], sum[17], end;
        int at = 0;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        int ok = sscanf(s, "%15s %16[0-9a-f]%c%n", stage, sum, &end, &at) == 3 && strlen(sum) == 16
                 && end == ' ' && s[at];
        const char *name = stage + (*stage == '?');
        if (!ok || !next || (stage_number(k, name) < 0 && strcmp(name, "run")))
            die(EXIT_INPUT,
                "%s:%d: not a line \"STAGE CHECKSUM FILE\"; remove the line, and the file that it "
                "named counts as yours",
                path.s, line);
        add_record(k, name, s + at, strtoull(sum, NULL, 16), name > stage);
    }
    free(text);
}

void records_save(Records *k)
{
    Path path = path_in(k->folder, "files.txt");
    Text now = { 0 };
    text_clear(&now);
    for (int i = 0; i < k->n; i++) {
        const Record *r = &k->r[i];
        text_add(&now, "%s%s %016llx %s\n", r->unsure ? "?" : "", r->stage,
                 (unsigned long long)r->sum, r->file);
    }
    char *then = !is_there(path.s) ? NULL : read_file(path.s, NULL);
    if (!then || strcmp(then, now.s)) {
        FILE *f = create_file(path.s);
        fputs(now.s, f);
        commit_file(f, path.s);
    }
    free(then);
    free(now.s);
}

// ------------------------------------------------------------------------------------
// What a record says of a file

const Record *record_of(Records *k, const char *stage, const char *file)
{
    if (!k->loaded) records_load(k);
    for (int i = 0; i < k->n; i++)
        if (strcmp(k->r[i].file, file) == 0 && (!stage || strcmp(k->r[i].stage, stage) == 0))
            return &k->r[i];
    return NULL;
}

/* Of what the person gave, not of what a stage wrote. */
static int is_own(const Record *r) { return *r->file == '-' || *r->file == '<'; }

/* Dies if what the record is of is there and is not what was recorded. */
static void check_record(const Records *k, const Record *r)
{
    if (r->unsure) return;
    Path list = path_in(k->folder, "files.txt"),
         path = path_in(k->folder, r->file + (*r->file == '<'));
    const char *name = path.s;
    int changed = 0;
    if (*r->file == '-') {
        for (int i = 0; i < k->n_own; i++)
            if (strcmp(r->file, k->own[i].flag) == 0)
                name = k->own[i].path, changed = k->own[i].sum != r->sum;
    } else {
        changed = is_there(name) && sum_of_file(name) != r->sum;
    }
    if (!changed) return;
    if (is_own(r))
        die(EXIT_INPUT,
            "%s: has changed since the stage %s read it; go on with --from %s, or choose another "
            "--out",
            name, r->stage, r->stage);
    if (strcmp(r->file, "flags.txt") == 0)
        die(EXIT_INPUT,
            "%s: has changed since the run began; if the change is yours, remove its line from %s",
            name, list.s);
    if (strcmp(r->stage, "run") == 0)
        die(EXIT_INPUT, "%s: is not as cai run wrote it; move it away, and it is made anew", name);
    die(EXIT_INPUT,
        "%s: is not as the stage %s wrote it; remove it, and cai run makes it anew, or, if the "
        "change is yours, remove its line from %s",
        name, r->stage, list.s);
}

Path records_read(Records *k, const char *name)
{
    if (!k->loaded) records_load(k);
    for (int i = 0; i < k->n; i++)
        if (strcmp(k->r[i].file, name) == 0) check_record(k, &k->r[i]);
    return path_in(k->folder, name);
}

/* A file of the person's own in the place of one that `stage`, or the run itself, is to write. */
static _Noreturn void die_of_own_file(const Records *k, const char *stage, const char *path)
{
    int next = stage_number(k, stage) + 1;
    char begin[64] = "";
    if (next > 0 && next < k->n_stages)
        snprintf(begin, sizeof begin, ", begin after it with --from %s,", k->stages[next]);
    die(EXIT_INPUT,
        "%s: is yours (%s/files.txt has no record of it), and %s%s would write over it; move it "
        "away%s or choose another --out",
        path, k->folder, next ? "the stage " : "cai ", stage, *begin ? begin : ",");
}

void check_outputs(Records *k, StageFiles s)
{
    for (int i = 0; s.writes[i]; i++) {
        Path path = path_in(k->folder, s.writes[i]);
        const Record *r = record_of(k, s.stage, s.writes[i]);
        if (!is_there(path.s)) continue;
        if (!r) die_of_own_file(k, s.stage, path.s);
        check_record(k, r);
    }
}

// ------------------------------------------------------------------------------------
// What is finished

/* Where the records of a stage begin and end among the first n; 1 if it has any. */
static int find_block(const Records *k, const char *stage, int n, int *first, int *end)
{
    for (*first = 0; *first < n && strcmp(k->r[*first].stage, stage); ++*first) {}
    for (*end = *first; *end < n && strcmp(k->r[*end].stage, stage) == 0; ++*end) {}
    return *end > *first;
}

int has_records(const Records *k, const char *stage)
{
    int first, end;
    return find_block(k, stage, k->n, &first, &end);
}

int is_unsure(const Records *k, const char *stage)
{
    int first, end;
    return find_block(k, stage, k->n, &first, &end) && k->r[first].unsure;
}

int first_unfinished(Records *k, int end)
{
    int last = 0;
    for (int s = 0; s < end; s++) {
        int first, stop, later = 0;
        for (int i = s + 1; i < k->n_stages; i++) later |= has_records(k, k->stages[i]);
        if (!find_block(k, k->stages[s], k->n, &first, &stop)) {
            if (later) continue; /* skipped */
            return s;
        }
        if (first < last) return s;
        last = first;
        for (int i = first; i < stop; i++) {
            const Record *r = &k->r[i];
            if (r->unsure || (!is_own(r) && !is_there(path_in(k->folder, r->file).s))) return s;
            check_record(k, r);
        }
    }
    return end;
}

void check_inputs(Records *k, StageFiles s)
{
    int first, end;
    char own[64];
    if (!find_block(k, s.stage, k->n, &first, &end) || k->r[first].unsure) return;
    for (int i = first; i < end; i++)
        if (is_own(&k->r[i])) check_record(k, &k->r[i]);
    for (int i = 0; s.reads[i]; i++) {
        Path path = path_in(k->folder, s.reads[i]);
        snprintf(own, sizeof own, "<%s", s.reads[i]);
        if (record_of(k, NULL, s.reads[i]) || record_of(k, s.stage, own) || !is_there(path.s))
            continue;
        die(EXIT_INPUT,
            "%s: is yours now, and the stage %s read another; go on with --from %s, or choose "
            "another --out",
            path.s, s.stage, s.stage);
    }
}

// ------------------------------------------------------------------------------------
// The records of a stage

/* Appends what the person gave and put there, as it is now. */
static void add_own(Records *k, StageFiles s, int unsure)
{
    char own[64];
    for (int i = 0; i < k->n_own; i++)
        if (strcmp(k->own[i].stage, s.stage) == 0)
            add_record(k, s.stage, k->own[i].flag, k->own[i].sum, unsure);
    for (int i = 0; s.reads[i]; i++) {
        Path path = path_in(k->folder, s.reads[i]);
        if (record_of(k, NULL, s.reads[i]) || !is_there(path.s)) continue;
        snprintf(own, sizeof own, "<%s", s.reads[i]);
        add_record(k, s.stage, own, sum_of_file(path.s), unsure);
    }
}

/* Whether records first..end-1 and fresh..n-1 say the same; with `own`, of what the person gave
 * alone. A file that was not there when the stage was begun has the checksum 0 and is as good as
 * no record. */
static int same_records(const Records *k, int first, int end, int fresh, int own)
{
    int same = 0, old = 0, new = 0;
    for (int i = first; i < end; i++) old += k->r[i].sum && (!own || is_own(&k->r[i]));
    for (int j = fresh; j < k->n; j++) new += k->r[j].sum && (!own || is_own(&k->r[j]));
    for (int i = first; i < end; i++)
        for (int j = fresh; j < k->n; j++)
            same += k->r[i].sum && (!own || is_own(&k->r[i])) && k->r[i].sum == k->r[j].sum
                    && strcmp(k->r[i].file, k->r[j].file) == 0;
    return same == old && same == new;
}

/* Whether a block that begins there stands after those of all stages before its own. */
static int stands_right(const Records *k, const char *stage, int n, int at)
{
    int first, end;
    for (int s = 0; s < stage_number(k, stage); s++)
        if (find_block(k, k->stages[s], n, &first, &end) && first > at) return 0;
    return 1;
}

/* The records from `fresh` on take the place of first..end-1, or, not in place, stand at the end
 * instead. */
static void replace_block(Records *k, int first, int end, int fresh, int in_place)
{
    int n = 0, old = k->n;
    Record *r = xcalloc((size_t)k->n + 1, sizeof *r);
    for (int i = 0; i < fresh; i++) {
        if (in_place && i == first)
            for (int j = fresh; j < old; j++) r[n++] = k->r[j];
        if (i >= first && i < end) free(k->r[i].stage), free(k->r[i].file);
        else r[n++] = k->r[i];
    }
    if (!in_place)
        for (int j = fresh; j < old; j++) r[n++] = k->r[j];
    free(k->r);
    k->r = r;
    k->n = n;
}

/* The checksums of a stage that is made anew are kept until it is finished: if the same bytes come
 * out, its records keep their place. A stage that reads something else than before loses its place
 * now. */
void begin_stage(Records *k, StageFiles s)
{
    int fresh = k->n, first, end;
    for (int i = 0; s.writes[i]; i++) {
        const Record *r = record_of(k, s.stage, s.writes[i]);
        add_record(k, s.stage, s.writes[i], r ? r->sum : 0, 1);
    }
    add_own(k, s, 1);
    int there = find_block(k, s.stage, fresh, &first, &end);
    replace_block(k, first, end, fresh, there && same_records(k, first, end, fresh, 1));
    records_save(k);
}

/* When the files hold the same bytes as before, the records keep their place, and what was made
 * from them stays finished; else they come last. */
void finish_stage(Records *k, StageFiles s)
{
    int fresh = k->n, first, end;
    for (int i = 0; s.writes[i]; i++) {
        Path path = path_in(k->folder, s.writes[i]);
        if (is_there(path.s)) add_record(k, s.stage, s.writes[i], sum_of_file(path.s), 0);
    }
    add_own(k, s, 0);
    int there = find_block(k, s.stage, fresh, &first, &end);
    int stays =
        there && same_records(k, first, end, fresh, 0) && stands_right(k, s.stage, fresh, first);
    replace_block(k, first, end, fresh, stays);
    records_save(k);
}

/* They stand before all stages. */
void record_run_file(Records *k, const char *name, int unsure)
{
    Path path = path_in(k->folder, name);
    uint64_t sum = !is_there(path.s) ? 0 : sum_of_file(path.s);
    int at = 0;
    while (at < k->n && strcmp(k->r[at].stage, "run") == 0 && strcmp(k->r[at].file, name)) at++;
    if (at == k->n || strcmp(k->r[at].stage, "run")) {
        add_record(k, "run", name, sum, unsure);
        Record new = k->r[k->n - 1];
        memmove(k->r + at + 1, k->r + at, (size_t)(k->n - 1 - at) * sizeof new);
        k->r[at] = new;
    }
    k->r[at].sum = sum;
    k->r[at].unsure = unsure;
}

void records_take(Records *k, const Records *from, const char *stage)
{
    for (int i = 0; i < from->n; i++) {
        const Record *r = &from->r[i];
        if (strcmp(r->stage, stage) == 0) add_record(k, r->stage, r->file, r->sum, r->unsure);
    }
}

void forget_run_file(Records *k, const char *name)
{
    int n = 0;
    for (int i = 0; i < k->n; i++)
        if (strcmp(k->r[i].stage, "run") || strcmp(k->r[i].file, name)) k->r[n++] = k->r[i];
    k->n = n;
}

uint64_t sum_of_stages(const Records *k)
{
    uint64_t sum = 0;
    for (int i = 0; i < k->n; i++) {
        const Record *r = &k->r[i];
        if (strcmp(r->stage, "run") == 0 && strcmp(r->file, "flags.txt")) continue;
        sum = checksum(r->stage, strlen(r->stage), sum);
        sum = checksum(r->file, strlen(r->file), sum);
        sum = checksum(&r->sum, sizeof r->sum, sum);
        sum = checksum(&r->unsure, sizeof r->unsure, sum);
    }
    return sum;
}
