/* What one `agent run` is to do: the command line and the environment, where both are plain. */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "tables.h"

enum shell { SHELL_NONE, SHELL_BASH, SHELL_SH, SHELL_PYTHON };

struct plan {
    char **words;       /* what follows `agent run`, as it was given */
    const char *given[OPTION_COUNT]; /* the options' values in it, of each the last; NULL: none */
    char **environment; /* the step's; with room for one entry more */
    size_t environment_count;
    enum shell shell;
    const char *text; /* the script of -c, or NULL */
    char **command;   /* what follows; the word before it is there, too */
    bool errexit;
    bool never;         /* the step is to run with nothing of ours */
    bool always;        /* a step that passed is held as well */
    long max_timeout;   /* seconds */
    long linger;        /* seconds */
    long step_timeout;  /* seconds, 0: none */
    char token[TOKEN_LIMIT + 1]; /* empty: none */
};

/* Takes apart what follows `agent run`, and finds out whether there is to be a session process, and
 * with what token. False where that is not plain. */
bool plan_begin(struct plan *plan, char **words, char *const *environment);

/* Makes the rest of the plan, which the session process need not wait for. False where anything is
 * not plain. */
bool plan_complete(struct plan *plan, char *const *environment);

#endif
