/* Where the payload lies unpacked: installed beside the binary, or in a cache directory of ours. */
#ifndef CACHE_H
#define CACHE_H

#include <limits.h>
#include <stdbool.h>

#include "invocation.h"

struct cache_search {
    const struct invocation *invocation;
    unsigned next;            /* which place is looked at next */
    char directory[PATH_MAX]; /* what was found */
};

/* Finds the next directory with the whole payload, unpacks it there where that is to be done.
 * Returns false where there is no further one. */
bool cache_next(struct cache_search *search);

#endif
