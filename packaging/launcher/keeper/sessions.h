/* Sessions as the keeper opens and ends them: whatever becomes of their process. */
#ifndef SESSIONS_H
#define SESSIONS_H

#include <stdbool.h>

#include "watch.h"

struct sessions {
    struct watch *watch;
    struct sleeper sleeper;
    const char *token; /* empty: none */
};

/* Opens a session, or tells one that is open what became of the step; a session process that died
 * asleep is forked anew. False where none can be. */
bool sessions_open(const struct sessions *sessions);

/* Ends the session of a step that ran, with all that its users have started; leaves a guard in its
 * place. */
void sessions_close(const struct sessions *sessions);

/* Lets the session process say goodbye to its viewers; from then on it is but our guard. */
void sessions_dismiss(struct watch *watch);

/* Says that the session process has ended by itself, once it has. */
void sessions_tell_death(struct watch *watch);

#endif
