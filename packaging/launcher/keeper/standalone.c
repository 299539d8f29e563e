/* The keeper by itself, for its development: where the launcher starts its own interpreter, this
 * starts the agent from source. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asleep.h"
#include "keeper.h"
#include "words.h"

#define UNABLE_EXIT 70

#ifndef PYTHON
#define PYTHON "/usr/bin/python3"
#endif
#ifndef DRIVER
#define DRIVER "import sys; sys.argv[:1] = []; from agent.cli import main; sys.exit(main())"
#endif

static char program[PATH_MAX]; /* ourselves, for whom `argv[0]` is only a name */

static void start_agent(const char *started, char **arguments, char **environment)
{
    static const char *const ours[] = {PYTHON, "-I", "-S", "-c", DRIVER, program, NULL};
    size_t first = sizeof ours / sizeof *ours - 1, count = count_words(arguments);
    (void)started; /* is what `program` has, or a name for the same file */
    const char **line = calloc(first + count + 1, sizeof *line);
    if (line == NULL)
        return;
    memcpy(line, ours, first * sizeof *line);
    memcpy(line + first, arguments + 1, count * sizeof *line);
    execve(PYTHON, (char **)line, environment);
}

int main(int count, char **arguments)
{
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        strcpy(program, "agent");
    int status = LEAVE_TO_PYTHON;
    if (asleep_is_meant(count, arguments))
        return asleep_main(arguments, environ, start_agent);
    if (count > 2 && strcmp(arguments[1], "run") == 0)
        status = keeper_main(arguments[0], arguments + 2, environ);
    if (status != LEAVE_TO_PYTHON)
        return status;
    start_agent(NULL, arguments, environ);
    fprintf(stderr, "agent: cannot start " PYTHON ": %s\n", strerror(errno));
    return UNABLE_EXIT;
}
