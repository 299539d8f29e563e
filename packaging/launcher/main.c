/* The agent's static binary: unpacks what it carries, where that has not been done yet, and becomes
 * the interpreter in it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "install.h"
#include "invocation.h"

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

int main(int count, char **arguments)
{
    struct invocation invocation;
    invocation_take(&invocation, arguments, environ);
    if (count > 1 && strcmp(arguments[1], "install") == 0)
        return install_main(&invocation);
    return start_interpreter(&invocation);
}
