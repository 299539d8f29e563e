/* Memory that a process which waits does not need. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* Returns memory that is all zero, and never given back; NULL where there is none. What a usual
 * step needs is at hand: an allocator's start would take longer than all that is done with it. */
void *memory_take(size_t bytes);

/* Lets go of our own file's pages: what the start has read, and, as the kernel maps files in pieces
 * of 64 KiB, much beside. What the wait needs comes back by itself. */
void memory_let_go(void);

#endif
