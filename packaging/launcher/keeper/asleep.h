/* The session process from its fork until a session opens: then it becomes Python. */
#ifndef ASLEEP_H
#define ASLEEP_H

#include <stdnoreturn.h>

#include "pipes.h"

/* Becomes the agent in Python; returns where that cannot be. */
typedef void become_python(char **arguments, char **environment);

struct sleeper {
    const char *program; /* argv[0] */
    char **words;        /* what follows `agent run` */
    char **environment;  /* as it arrived */
    struct pipes *pipes; /* NULL without */
    become_python *become;
};

/* What a session process has of its keeper. */
struct ends {
    int link;
    int token; /* where the token is read, once the keeper gives it; -1: there is none */
};

/* Is the session process, out of the runner's reach. */
noreturn void asleep(const struct sleeper *sleeper, const struct ends *ends);

#endif
