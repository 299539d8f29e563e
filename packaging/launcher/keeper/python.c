#define _GNU_SOURCE
#include "python.h"

#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "environment.h"
#include "line.h"
#include "memory.h"

static const char *python_name(const struct plan *plan)
{
    char path[PATH_MAX];
    if (!line_find_program(path, "python3", plan) && line_find_program(path, "python", plan))
        return "python";
    return "python3";
}

char **python_plain_line(const struct plan *plan)
{
    const char *words[] = {python_name(plan), plan->text != NULL ? "-c" : NULL, plan->text, NULL};
    return line_make(words, plan->command);
}

/* Tells whether an archive's last record is in the end of a file. */
static bool has_zip_end(int file, off_t size)
{
    static const char sign[] = {'P', 'K', 5, 6};
    off_t start = size > ZIP_TAIL_BYTES ? size - ZIP_TAIL_BYTES : 0;
    size_t room = (size_t)(size - start);
    char *tail = memory_take(room);
    ssize_t length = tail != NULL ? pread(file, tail, room, start) : -1;
    return length < 0 || memmem(tail, (size_t)length, sign, sizeof sign) != NULL;
}

/* Tells whether the interpreter finds one text there: no archive, folder, compiled file, named
 * pipe, terminal. */
static bool is_python_text(const char *name)
{
    struct stat status;
    char head[4] = "";
    if (*name == '-') /* others are the interpreter's own options */
        return strcmp(name, "-") == 0 && !isatty(STDIN_FILENO);
    int file = descriptors_open_regular(name, &status);
    if (file < 0)
        return false;
    bool is_text = pread(file, head, sizeof head, 0) >= 0 &&
                   memcmp(head + 2, "\r\n", 2) != 0 && !has_zip_end(file, status.st_size);
    close(file);
    return is_text;
}

bool python_prepare(struct launches *launches, const struct plan *plan)
{
    const char *inspect = environment_get(plan->environment, "PYTHONINSPECT");
    if (inspect != NULL && *inspect != '\0')
        return false;
    if (plan->text == NULL && !is_python_text(plan->command[0]))
        return true;
    launches->argument_room = BOOT_PYTHON.length + MOST_PLACES * NUMBER_BYTES;
    launches->argument = memory_take(launches->argument_room);
    const char *words[] = {launches->plain.argv[0], "-c", launches->argument, NULL};
    launches->armed.argv = line_make(words, launches->plain.argv + 1);
    if (launches->argument == NULL || launches->armed.argv == NULL)
        return false;
    launches->boot_template = BOOT_PYTHON;
    launches->hook_template = HOOK_PYTHON;
    launches->armed.grace_ms = PYTHON_GRACE_MS;
    launches->armed.armed = true;
    return true;
}
