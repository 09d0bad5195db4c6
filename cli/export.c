/* cli/export.c -- a model, or a run's data, in the forms of other programs: export.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "cli/commands.h"
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

/* A model of the run that has a score head is a preference model. */
static int is_pm_of(const Run *run, const char *name)
{
    Text head = { 0 };
    text_add(&head, "%s.head", name);
    int is_pm = !strchr(name, '/') && is_there(run_path(run, head.s).s);
    free(head.s);
    return is_pm;
}

void command_export(Run *run, const Args *arg)
{
    int forms = !!arg->gguf + !!arg->hf + !!arg->trl, is_pm = is_pm_of(run, arg->model);
    if (forms != 1)
        die(EXIT_USAGE, "export: %s; give one of --gguf FILE, --hf FOLDER, --trl FOLDER",
            forms ? "one form at a time" : "no form");
    const char *to = arg->gguf ? arg->gguf : arg->hf ? arg->hf : arg->trl;
    if (is_standard_input(to) || is_device(to)) /* offsets are told by where a file stands */
        die(EXIT_USAGE, "export: to %s: a pipe or a device is no place for it; name a file", to);
    if (arg->trl) {
        export_trl(run, arg->trl);
        return;
    }
    if (arg->gguf && is_pm)
        die(EXIT_USAGE, "export: GGUF has no place for the score head of %s; give --hf FOLDER",
            arg->model);
    Model *m = is_pm ? load_pm(run, arg->model) : load_given_model(run, arg->model);
    if (arg->gguf) export_gguf(m, arg->gguf, arg->model);
    else export_hf(m, arg->hf, arg->model, is_pm, strchr(arg->model, '/') ? NULL : run);
    printf("%s\n", printable(to));
    model_free(m);
}
