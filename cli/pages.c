/* cli/pages.c -- the manual page and what shells complete, from the tables of the help.
 *
 * Reading order: the manual page, bash, zsh.
 * SPDX-License-Identifier: MIT
 */
#include "cli/help.h"
#include "cli/options.h"
#include "cli/stages.h"

#include <stdio.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// The manual page, in mdoc(7)

/* Text in lines of at most 78 columns. Nothing in it is a request or an escape. */
static void put_roff(const char *s)
{
    enum { MAX = 78 };
    while (*s) {
        size_t n = strlen(s);
        if (n > MAX) {
            for (n = MAX; n > 1 && s[n] != ' ';) n--;
        }
        if (*s == '.' || *s == '\'') printf("\\&");
        for (size_t i = 0; i < n; i++) {
            if (s[i] == '\\') printf("\\e");
            else putchar(s[i]);
        }
        putchar('\n');
        s += n + (s[n] == ' ');
    }
}

/* Words of a macro's line: none of them is a macro. */
static void put_words(const char *s)
{
    for (; *s; s++) {
        if (*s == '"') printf("\\(dq");
        else putchar(*s);
    }
}

static void man_flags(void)
{
    OptionLine o;
    printf(".Sh OPTIONS\nA folder keeps the flags of its run, so that commands there need not\n"
           "repeat them.\nA flag of 0 or 1 may stand alone:\n.Fl -quiet\nis\n.Fl -quiet Ar 1 .\n"
           "The value shown is the default.\n.Bl -tag -width Ds\n");
    for (int i = 0; option_at(i, &o); i++) {
        printf(".It Fl -%s Ar %s\n", o.name, o.value);
        put_roff(o.what);
    }
    printf(".El\n.Pp\nPresets, which are lists of these flags:\n.Bl -tag -width Ds\n");
    for (int i = 0; preset_at(i, &o); i++) {
        printf(".It Fl -preset Ar %s\n", o.name);
        put_roff(o.what);
    }
    printf(".El\n.Pp\nFlags of single commands:\n.Bl -tag -width Ds\n");
    for (const OwnFlag *f = OWN_FLAGS; f->name; f++) {
        printf(".It Fl %s%s%s\n", f->name + 1, *f->value ? " Ar " : "", f->value);
        printf("(%s)\n", f->commands);
        put_roff(f->what);
    }
    printf(".El\n");
}

static void man_ends(void)
{
    printf(".Sh FILES\n"
           "The town and the constitution of the defaults are looked for in the present\nfolder,\n"
           "then in\n.Pa share/cai\nbeside the folder of the program, then beside the program.\n"
           "A run's folder keeps its own copies of both, which its later commands read.\n"
           ".Sh EXIT STATUS\n.Bl -tag -width 130 -compact\n"
           ".It 0\nfine\n.It 1\na check failed\n.It 2\nusage\n.It 3\nbad input\n"
           ".It 4\na loss, gradient or model that exploded\n"
           ".It 130\nstopped; the last line names the command that goes on from there\n.El\n"
           ".Sh EXAMPLES\n.Dl cai run --out mine\n.Dl cai chat rl_cai --out mine\n"
           ".Dl cai trace \\(dqHow do I nab the baker's kite?\\(dq --out mine\n"
           ".Sh STANDARDS\n.Rs\n.%%A Y. Bai et al.\n"
           ".%%T Constitutional AI: Harmlessness from AI Feedback\n.%%D 2022\n"
           ".%%O arXiv 2212.08073\n.Re\n");
}

void print_man(void)
{
    printf(".\\\" Printed by cai help man.\n.Dd %s\n.Dt CAI 1\n.Os\n.Sh NAME\n.Nm cai\n"
           ".Nd Constitutional AI on a laptop, from nothing to an aligned model\n.Sh SYNOPSIS\n",
           VERSION_DATE);
    for (const Command *c = COMMANDS; c->name; c++) {
        printf(".Nm\n.Cm %s\n", c->name);
        if (c->usage[strlen("cai ") + strlen(c->name)]) {
            printf(".Li \"");
            put_words(c->usage + strlen("cai ") + strlen(c->name) + 1);
            printf("\"\n");
        }
    }
    printf(".Nm\n.Ar stage\n.Op Fl -out Ar folder\n.Nm\n.Fl h | Fl -help\n.Nm\n"
           ".Fl V | Fl -version\n.Sh DESCRIPTION\n.Bl -tag -width logprob\n");
    for (const Command *c = COMMANDS; c->name; c++) {
        printf(".It Cm %s\n", c->name);
        put_roff(c->what);
    }
    printf(".El\n.Pp\nThe stages, each also a command:\n.Bl -tag -width tokenizer\n");
    for (int k = 0; k < N_STAGES; k++) {
        printf(".It Cm %s\n", STAGES[k].name);
        put_roff(STAGES[k].what);
    }
    printf(".El\n");
    man_flags();
    man_ends();
}

// ------------------------------------------------------------------------------------
// What shells complete

static void put_commands(void)
{
    for (const Command *c = COMMANDS; c->name; c++)
        if (stage_index(c->name) < 0) printf("%s ", c->name);
    for (int k = 0; k < N_STAGES; k++) printf("%s ", STAGES[k].name);
}

static void put_stages(void)
{
    for (int k = 0; k < N_STAGES; k++) printf("%s ", STAGES[k].name);
}

static void put_presets(void)
{
    OptionLine o;
    for (int i = 0; preset_at(i, &o); i++) printf("%s ", o.name);
}

static const char MODELS[] = "base helpful sl_cai rl_cai";

static void print_bash(void)
{
    OptionLine o;
    printf("# Printed by cai help bash.\n_cai()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} "
           "before=${COMP_WORDS[COMP_CWORD-1]} list=\n    case $before in\n    --preset) list=\"");
    put_presets();
    printf("\" ;;\n    --from | --to) list=\"");
    put_stages();
    printf("\" ;;\n    help) list=\"man bash zsh ");
    put_commands();
    printf("\" ;;\n    esac\n    if [[ $COMP_CWORD == 1 ]]; then list=\"");
    put_commands();
    printf("\"\n    elif [[ $word == -* ]]; then list=\"--help --version --preset");
    for (int i = 0; option_at(i, &o); i++) printf(" --%s", o.name);
    printf("\"\n        case ${COMP_WORDS[1]} in\n");
    for (const Command *c = COMMANDS; c->name; c++) {
        printf("        %s) list+=\"", c->name);
        for (const OwnFlag *f = OWN_FLAGS; f->name; f++)
            if (command_has(f, c->name)) printf(" %s", f->name);
        printf("\" ;;\n");
    }
    printf("        esac\n    elif [[ $before == --model || $before == chat || "
           "$before == generate ]]; then list=\"%s\"\n    fi\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$word\")\n"
           "    if [[ -z $list || $list == base* ]]; then\n"
           "        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\")\n"
           "    fi\n}\ncomplete -o filenames -F _cai cai\n",
           MODELS);
}

/* One flag of _arguments: what stands in quotes, brackets and between colons is escaped. */
static void zsh_flag(const char *name, const char *what, const char *value, const char *action)
{
    printf("    '%s[", name);
    for (const char *s = what; *s; s++) {
        if (*s == '\'') printf("'\\''");
        else printf(strchr("[]:\\", *s) ? "\\%c" : "%c", *s);
    }
    if (*value) printf("]:%s:%s'\n", value, action);
    else printf("]'\n"); /* it stands alone */
}

static void print_zsh(void)
{
    OptionLine o;
    printf("#compdef cai\n# Printed by cai help zsh.\nlocal -a commands flags\n"
           "commands=(");
    put_commands();
    printf(")\nflags=(\n    '--preset[a list of flags]:preset:(");
    put_presets();
    printf(")'\n");
    for (int i = 0; option_at(i, &o); i++) {
        char name[64];
        snprintf(name, sizeof name, "--%s", o.name);
        zsh_flag(name, o.what, "value", o.is_file ? "_files" : "");
    }
    printf(")\ncase $words[2] in\n");
    for (const Command *c = COMMANDS; c->name; c++) {
        printf("%s) flags+=(\n", c->name);
        for (const OwnFlag *f = OWN_FLAGS; f->name; f++)
            if (command_has(f, c->name))
                zsh_flag(f->name, f->what, f->value,
                         strcmp(f->value, "STAGE") ? "_files" : "($commands)");
        printf("    ) ;;\n");
    }
    printf("esac\nif (( CURRENT == 2 )); then\n    compadd -- $commands\n"
           "elif [[ $words[2] == help ]]; then\n    compadd -- man bash zsh $commands\n"
           "else\n    shift words; (( CURRENT-- ))\n"
           "    _arguments -S $flags '*:model or file:{compadd %s; _files}'\nfi\n",
           MODELS);
}

void print_completion(int is_zsh)
{
    if (is_zsh) print_zsh();
    else print_bash();
}
