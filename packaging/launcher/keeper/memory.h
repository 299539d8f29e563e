/* Memory that a process which waits does not need. */
#ifndef MEMORY_H
#define MEMORY_H

/* Lets go of our own file's pages: what the start has read, and, as the kernel maps files in pieces
 * of 64 KiB, much beside. What the wait needs comes back by itself. */
void memory_let_go(void);

#endif
