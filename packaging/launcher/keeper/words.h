/* Words, as command lines and environments are arrays of: the last is followed by NULL. And paths
 * among them. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>
#include <string.h>

/* Returns how many there are. */
static inline size_t count_words(char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    return count;
}

/* Returns what stands behind the last slash of a path. */
static inline const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

#endif
