/* The agent's static binary: runs a step by itself, where that is plain. For all else it unpacks
 * what it carries, where that has not been done yet, and becomes the interpreter in it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "cache.h"
#include "install.h"
#include "invocation.h"
#include "keeper/asleep.h"
#include "keeper/keeper.h"

#define UNABLE_EXIT 70 /* EX_SOFTWARE of sysexits.h */

/* Becomes the interpreter; returns the exit code for where it cannot run anywhere. */
static int start_interpreter(const struct invocation *invocation)
{
    struct cache_search search = {.invocation = invocation};
    while (cache_next(&search))
        start_from_directory(invocation, search.directory);
    start_from_memory(invocation);
    fprintf(stderr,
            "agent: cannot start: no directory can be written to and run from, and in memory: %s\n",
            strerror(errno));
    return UNABLE_EXIT;
}

/* What the keeper's session process becomes when a session opens. */
static void start_session(const char *started, char **arguments, char **environment)
{
    struct invocation invocation;
    invocation_take(&invocation, started, arguments, environment);
    start_interpreter(&invocation);
}

int main(int count, char **arguments)
{
    if (asleep_is_meant(count, arguments))
        return asleep_main(arguments, environ, start_session);
    if (count > 2 && strcmp(arguments[1], "run") == 0) {
        int status = keeper_main(arguments[0], arguments + 2, environ);
        if (status != LEAVE_TO_PYTHON)
            return status;
    }
    struct invocation invocation;
    const char *started = (const char *)getauxval(AT_EXECFN);
    invocation_take(&invocation, started, arguments, environ);
    if (count > 1 && strcmp(arguments[1], "install") == 0)
        return install_main(&invocation);
    return start_interpreter(&invocation);
}
