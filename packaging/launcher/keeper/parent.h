/* The process that started the agent: its death ends a hold. */
#ifndef PARENT_H
#define PARENT_H

#include <stdbool.h>
#include <sys/types.h>

#define PARENT_LOOK_MS 1000 /* between two looks where no descriptor tells */

struct parent {
    pid_t pid;      /* 0: not watched */
    int descriptor; /* readable when it has ended; -1 where that is refused */
    bool heard;     /* it has been read: a look is enough from then on */
};

/* Not watched if a hang-up arrived ignored (`nohup`), or without a parent that we can see: as PID
 * 1, or from another PID namespace. */
void parent_watch(struct parent *parent, bool watched);

/* Opens the descriptor that tells of its death, for a keeper that waits for more than a moment. */
void parent_listen(struct parent *parent);

/* Tells whether there is no descriptor that tells of its death. */
bool parent_must_be_looked_at(const struct parent *parent);

/* Tells whether it has ended: we belong to another. */
bool parent_is_gone(const struct parent *parent);

#endif
