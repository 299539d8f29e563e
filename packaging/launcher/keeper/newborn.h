/* The session process in its first moments, in the keeper's own memory: to copy that would be most
 * of what a step pays that passes at once. */
#ifndef NEWBORN_H
#define NEWBORN_H

#include <stdnoreturn.h>
#include <sys/types.h>

#include "pipes.h"

struct sleeper {
    const char *program; /* argv[0] */
    char **words;        /* what follows `agent run` */
    char **environment;  /* as it arrived, our secrets wiped */
    const struct pipes *pipes; /* NULL without */
};

/* What a session process has of its keeper. */
struct ends {
    int link;
    int token; /* where the token is read, once the keeper gives it; -1: there is none */
    const volatile pid_t *step; /* in the keeper's memory, 0: not yet there */
};

/* Gets out of the runner's reach, says so, and as soon as anything else is to be done goes on as
 * `asleep_main` in memory of its own. */
noreturn void newborn(const struct sleeper *sleeper, const struct ends *ends);

#endif
