#define _GNU_SOURCE
#include "environment.h"

#include <stdint.h>
#include <string.h>

#include "tables.h"

#define SIEVE_BITS 4096 /* many more than a build has variables */

/* The first letter is looked at first, as a build has hundreds of variables and is asked for dozens
 * of others. */
static bool has_name(const char *entry, const char *name, size_t length)
{
    return *entry == *name && strncmp(entry, name, length) == 0 && entry[length] == '=';
}

const char *environment_get(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment != NULL; environment++)
        if (has_name(*environment, name, length))
            return *environment + length + 1;
    return NULL;
}

bool environment_is_secret(const char *entry)
{
    for (const char *const *secret = SECRETS; *secret != NULL; secret++)
        if (has_name(entry, *secret, strlen(*secret)))
            return true;
    return false;
}

/* Tells whether no name came before that falls into the same place (FNV-1a), and takes that. */
static bool is_new(uint64_t sieve[SIEVE_BITS / 64], const char *name, size_t length)
{
    uint32_t hash = 2166136261;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619;
    uint64_t *place = &sieve[hash % SIEVE_BITS / 64], bit = UINT64_C(1) << hash % 64;
    bool was_free = (*place & bit) == 0;
    *place |= bit;
    return was_free;
}

static bool is_among(char *const *entries, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (has_name(entries[i], name, length))
            return true;
    return false;
}

size_t environment_copy(char **target, char *const *environment)
{
    uint64_t sieve[SIEVE_BITS / 64] = {0};
    size_t count = 0;
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals == NULL || equals == *environment || environment_is_secret(*environment))
            continue;
        size_t length = (size_t)(equals - *environment);
        if (!is_new(sieve, *environment, length) && is_among(target, count, *environment, length))
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
