/* Command lines of steps. */
#ifndef LINE_H
#define LINE_H

#include <limits.h>
#include <stdbool.h>

#include "plan.h"

/* Returns a command line that begins with ours, with a slot in front (arm.h); NULL where there is
 * no memory. */
char **line_make(const char *const *first, char *const *rest);

/* Looks for a program as PATH has it. Writes its path; false if there is none. */
bool line_find_program(char path[PATH_MAX], const char *name, const struct plan *plan);

#endif
