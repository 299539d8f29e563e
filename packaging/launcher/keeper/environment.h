/* The environment, as an array of NAME=VALUE. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the value of the first entry with this name, or NULL. */
const char *environment_get(char *const *environment, const char *name);

/* Tells whether an entry sets one of our secrets. */
bool environment_is_secret(const char *entry);

/* Writes what the step may see: of a repeated name the first entry, none without a name or a value,
 * no secret. Returns how many; `target` has room for as many as there are. */
size_t environment_copy(char **target, char *const *environment);

/* Overwrites our secrets in our own memory, so that /proc/PID/environ does not show them. */
void environment_wipe(char *const *environment);

#endif
