/* `agent install DIR`: the binary and its payload, unpacked, where build containers mount them. */
#ifndef INSTALL_H
#define INSTALL_H

#include <limits.h>
#include <stdbool.h>

#include "invocation.h"

/* Carries the command out; returns the exit code. */
int install_main(const struct invocation *invocation);

/* Finds the payload that lies installed beside a binary. Returns whether it is whole, and may be
 * trusted as the binary itself is. */
bool install_find(const char *binary, char directory[PATH_MAX]);

#endif
