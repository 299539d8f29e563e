/* The session process as its keeper sees it: forked, ready, sent for, dismissed. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "newborn.h"
#include "tables.h"

#define NO_CODE (-1)

struct child {
    bool exists; /* else there is none, and nothing else here counts */
    bool beside_us; /* in our memory, until it has its own */
    bool ready;     /* it has given its word, and we have taken it */
    pid_t pid;
    int link;
    int token_pipe; /* into which the token is written when nobody else can read it; -1 without */
    const char *token;
    int status;     /* NO_STATUS as long as it lives */
    bool connected; /* until its end of the link is closed */
    bool opened, over, left; /* what it has said of its session (link.py) */
    bool has_verdict;
    int code; /* the verdict, NO_CODE: the step's own */
    char name[LINK_LIMIT];
};

/* Forks the session process, to be given the token: empty if there is none. */
void child_fork(struct child *child, const struct sleeper *sleeper, const char *token);

/* Waits until it is out of reach of our group, and returns whether it got there. Changes nothing:
 * the step's process does so, which has our memory only where no emulator gives it a copy. */
bool child_wait_until_ready(const struct child *child);

/* Tells it the step. One beside us reads that when it wakes, and is not woken for it. */
void child_tell_step(const struct child *child, pid_t step);

/* Takes its word that it is ready, for which it has `ms` still; ends one that does not give it:
 * then there is none. */
void child_confirm(struct child *child, int ms);

/* Kills it and waits until it is gone, for those who wait for nothing else. */
void child_reap(struct child *child);

/* Closes what we have of it. */
void child_close(struct child *child);

/* Takes one message; false if its end of the link is closed. */
bool child_hear(struct child *child, bool *aborts);

#endif
