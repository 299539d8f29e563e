/* Words, as command lines and environments are arrays of: the last is followed by NULL. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

/* Returns how many there are. */
static inline size_t count_words(char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    return count;
}

#endif
