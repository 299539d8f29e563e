/* What the keeper waits for, and what it has noted: of signals, its parent, its children, the hook,
 * the session. One `poll` over all of it. */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>

#include "child.h"
#include "parent.h"
#include "pipes.h"
#include "signals.h"
#include "step.h"

#define FOR_EVER (-1LL)

struct watch {
    int signals;
    struct parent parent;
    struct pipes *pipes; /* NULL without */
    bool terminal;
    bool has_step;
    bool hears_hook; /* a report may come */
    struct step step;
    struct child session;
    const char *aborted;    /* why no session opens any more, and why a hold ends; NULL: nothing */
    bool asked_for_session; /* SIGUSR1 came */
    bool ends_step;         /* a step that still runs is to end as well */
    bool holding;           /* then signals are for us, not for the step */
};

/* Begins with signals and parent. False where the kernel refuses. The session stays as it is. */
bool watch_begin(struct watch *watch, const struct arrived *arrived, bool terminal);

/* Closes all descriptors but those that we need while we wait for more than a moment. */
void watch_settle(struct watch *watch);

/* Waits for something to happen, at most so long, and takes note of it. */
void watch_wait(struct watch *watch, long long ms);

/* Waits until the session process has left by itself, or kills it. */
void watch_session_end(struct watch *watch);

/* Waits until the session process has told all, and stands guard, or kills it. */
void watch_farewell(struct watch *watch);

/* Lets an interpreter that waits, or comes to wait later, go on dying. */
void watch_release(struct watch *watch);

/* Notes why there is to be no session, unless something was noted before. */
void watch_abort(struct watch *watch, const char *reason);

#endif
