/* How we were called, and how the interpreter is started instead of us. */
#ifndef INVOCATION_H
#define INVOCATION_H

#include <limits.h>

struct invocation {
    char **arguments;       /* argv, whole */
    char **environment;     /* environ, as it arrived */
    char program[PATH_MAX]; /* the path by which others start us, absolute */
    char file[PATH_MAX];    /* the file that we are, links resolved; else the same */
};

/* Takes argv and environ, and finds our paths: `started` is the one that was given to execve, or
 * NULL. */
void invocation_take(struct invocation *invocation, const char *started, char **arguments,
                     char **environment);

/* Becomes the interpreter, whose files lie in a directory. Returns where they cannot run there. */
void start_from_directory(const struct invocation *invocation, const char *directory);

/* Becomes the interpreter, all of it in memory. Returns, with errno set, where that cannot be. */
void start_from_memory(const struct invocation *invocation);

#endif
