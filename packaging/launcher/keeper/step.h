/* The step: how a process becomes it, and as a process: started, sent signals, reported, ended. */
#ifndef STEP_H
#define STEP_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "arm.h"
#include "child.h"
#include "pipes.h"
#include "signals.h"

#define NO_STATUS INT_MIN /* of a process that has not ended */

struct step {
    pid_t pid;
    bool terminal;
    bool armed;
    long grace_ms;
    long long begun_ms;
    int status;    /* an exit code, -N: signal N, NO_STATUS as long as it runs */
    int reported;  /* what the hook has said, 0: nothing */
    int struck;    /* the status by which it did not end by itself, or NO_STATUS */
    bool released; /* the interpreter that had reported may go on dying */
    bool overdue;  /* it had its time for that */
};

/* How the step is started. */
struct start {
    const struct launches *launches;
    const struct pipes *pipes; /* NULL without */
    const struct arrived *arrived;
    const struct child *session; /* which the step waits for, and is told to */
    bool terminal;
};

/* Replaces this process by the step; returns 126 or 127 only if that fails, after a line why. */
int step_become(const struct launch *launch, const struct launch *plain);

/* Starts the step, and returns once it has become its program; false where it cannot be forked. */
bool step_start(struct step *step, const struct start *start);

/* Tells whether it has neither ended nor reported that it failed. */
bool step_is_running(const struct step *step);

/* Tells whether its interpreter waits for its release. */
bool step_waits(const struct step *step);

/* Tells whether signals are for it: an interpreter that waits would die as it never would bare. */
bool step_takes_signals(const struct step *step);

bool step_is_stopped(const struct step *step);

/* Tells whether a signal kills it, now or in a moment; it stays to be reaped. */
bool step_dies_of(const struct step *step, int number);

long long step_elapsed_ms(const struct step *step);

/* Returns what it ended with: what it reported, unless it ended by itself after its release. */
int step_outcome(const struct step *step);

/* Sends a signal on: to the group that it leads, or with a terminal to itself. */
void step_forward(const struct step *step, int number);

/* Returns what `waitpid` has told as a status. */
int status_of(int raw);

#endif
