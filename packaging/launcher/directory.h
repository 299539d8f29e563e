/* A directory that holds the unpacked payload. */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

/* Whose files are run as if they were our own. */
struct trust {
    uid_t owners[2];
    mode_t forbidden; /* bits of the mode that nobody else may have */
    bool as_written;  /* not only the sizes count, but also the time that the last write leaves */
};

#define TEMPORARY_BYTES 32 /* a name of `directory_make_temporary` */

/* Opens a directory below another. Returns -1 if it is not there, or not to be trusted. */
int directory_open(int parent, const char *name, const struct trust *trust);

/* Tells whether the payload's files are all there, and to be trusted: 50 system calls. */
bool directory_is_whole(int directory, const struct trust *trust);

/* Makes a directory with a new name, locked as long as it is open. Returns it, or -1. */
int directory_make_temporary(int parent, char name[TEMPORARY_BYTES], mode_t mode);

/* Tells whether a name is one of `directory_make_temporary`. */
bool directory_is_temporary(const char *name);

/* Writes the payload's files, programs with the first mode, others with the second; `durable`: to
 * the disk itself. Returns 0, or -1 with errno set. */
int directory_fill(int directory, mode_t program_mode, mode_t file_mode, bool durable);

/* Removes what is in a directory, and itself; nothing happens to what others are using. */
void directory_remove(int parent, const char *name);

/* Removes what killed processes have left below a directory. */
void directory_remove_leftovers(int parent);

#endif
