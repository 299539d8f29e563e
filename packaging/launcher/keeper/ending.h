/* The ending: nothing survives a hold, and nothing that users started the session of a step that
 * runs on. */
#ifndef ENDING_H
#define ENDING_H

#include "proc.h"
#include "watch.h"

/* TERM, 5 s, KILL over all our descendants; orphans are ours too, as we are their sub-reaper. Each
 * has TERM once; a stopped one is woken for it. The session process is let be, and what is below it
 * too unless `users` are to end. */
void ending_all(struct watch *watch, bool users);

/* Kills what the users of the session have started, and nothing of the step: that is what was
 * below the session process, `started`, and what has the session's name in its environment. */
void ending_users(struct watch *watch, const char *session, const struct processes *started);

#endif
