#include "line.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "memory.h"
#include "words.h"

char **line_make(const char *const *first, char *const *rest)
{
    size_t first_count = count_words((char *const *)first), rest_count = count_words(rest);
    char **line = memory_take((first_count + rest_count + 2) * sizeof *line);
    if (line == NULL)
        return NULL;
    line++;
    memcpy(line, first, first_count * sizeof *line);
    memcpy(line + first_count, rest, rest_count * sizeof *line);
    return line;
}

bool line_find_program(char path[PATH_MAX], const char *name, const struct plan *plan)
{
    const char *folders = environment_get(plan->environment, "PATH");
    if (folders == NULL)
        folders = DEFAULT_PATH;
    for (;;) {
        size_t length = strcspn(folders, ":");
        int written = snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, folders,
                               length > 0 ? "/" : "./", name);
        if (written < PATH_MAX && access(path, X_OK) == 0)
            return true;
        if (folders[length] == '\0')
            return false;
        folders += length + 1;
    }
}
