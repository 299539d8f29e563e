#define _GNU_SOURCE
#include "environment.h"

#include <string.h>

#include "tables.h"

const char *environment_get(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

bool environment_is_secret(const char *entry)
{
    for (const char *const *secret = SECRETS; *secret != NULL; secret++) {
        size_t length = strlen(*secret);
        if (strncmp(entry, *secret, length) == 0 && entry[length] == '=')
            return true;
    }
    return false;
}

static bool is_repeated(char *const *entries, size_t count, const char *entry, size_t name_end)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(entries[i], entry, name_end + 1) == 0)
            return true;
    return false;
}

size_t environment_copy(char **target, char *const *environment)
{
    size_t count = 0;
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals == NULL || equals == *environment || environment_is_secret(*environment) ||
            is_repeated(target, count, *environment, (size_t)(equals - *environment)))
            continue;
        target[count++] = *environment;
    }
    target[count] = NULL;
    return count;
}

void environment_wipe(char *const *environment)
{
    for (; *environment != NULL; environment++)
        if (environment_is_secret(*environment))
            explicit_bzero(*environment, strlen(*environment));
}
