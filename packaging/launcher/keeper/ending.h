/* The ending: nothing survives a hold, and nothing that users started the session of a step that
 * runs on. */
#ifndef ENDING_H
#define ENDING_H

#include "proc.h"
#include "watch.h"

/* TERM to all our descendants but `spare` and what is below it; adds them to `told`, for
 * `ending_all`. While the session process says goodbye: when that has left, nobody else would do it
 * for a keeper that is killed. */
void ending_tell(struct processes *told, pid_t spare);

/* TERM, 5 s, KILL over all our descendants; orphans are ours too, as we are their sub-reaper. Each
 * has TERM once, unless it was `told` before; a stopped one is woken for it. The process `spare`,
 * and what is below it, is let be; 0: none. */
void ending_all(struct watch *watch, pid_t spare, struct processes *told);

/* Kills what the users of the session have started, and nothing of the step: that is what was
 * below the session process, `started`, and what has the session's name in its environment. */
void ending_users(struct watch *watch, const char *session, const struct processes *started);

#endif
