/* Descriptors that one of our processes holds, and those that it must not. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Fills closed ones of 0, 1 and 2, so that nothing of ours lands there; an exec closes them. */
void descriptors_occupy_standard(void);

/* Closes all descriptors but `wanted` and standard error; input and output become /dev/null. A
 * runner reads a step's pipes until nobody holds them, and so may the step's own children. The
 * array is sorted; what is negative in it counts as not there. */
void descriptors_keep_only(int *wanted, size_t count);

/* Opens a file to be read, and tells of it, if it is a regular one: what is none can be read only
 * once. -1 otherwise. */
int descriptors_open_regular(const char *path, struct stat *status);

/* Tells whether one of 0, 1 and 2 is our controlling terminal. */
bool descriptors_have_terminal(void);

#endif
