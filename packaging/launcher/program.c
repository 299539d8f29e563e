#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "invocation.h"

/* Tells whether a path was made up by the kernel for a program that was started by descriptor. */
static int is_made_up(const char *path)
{
    return strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/", 6) == 0;
}

/* Writes the path that was given to execve, made absolute. Returns whether there is one. */
static int find_started(char *path, const char *given)
{
    if (given == NULL || *given == '\0' || is_made_up(given))
        return 0;
    if (*given == '/')
        return snprintf(path, PATH_MAX, "%s", given) < PATH_MAX;
    char folder[PATH_MAX];
    if (getcwd(folder, sizeof folder) == NULL)
        return 0;
    if (strncmp(given, "./", 2) == 0)
        given += 2;
    return snprintf(path, PATH_MAX, "%s/%s", strcmp(folder, "/") ? folder : "", given) < PATH_MAX;
}

/* Writes the path of the file that we are. Returns whether it is known: there may be no /proc. */
static int find_file(char *path)
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (length <= 0)
        return 0;
    path[length] = '\0';
    return 1;
}

void invocation_take(struct invocation *invocation, const char *started, char **arguments,
                     char **environment)
{
    invocation->arguments = arguments;
    invocation->environment = environment;
    int is_file_known = find_file(invocation->file);
    if (!find_started(invocation->program, started))
        strcpy(invocation->program, is_file_known ? invocation->file : "agent");
    if (!is_file_known)
        strcpy(invocation->file, invocation->program);
}
