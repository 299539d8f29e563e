/* The pipes between the step and us (agent/keeper/hooks/PROTOCOL.md): the hook reports on one, and
 * is answered on another. The report's pipe also marks all that the step starts. */
#ifndef PIPES_H
#define PIPES_H

#include <stdbool.h>
#include <sys/types.h>

#include "arm.h"

struct pipes {
    int reports; /* our ends; -1 where there are none */
    int answers; /* -1 once it was let go */
    int step_reports; /* the step's ends, until it has started */
    int step_answers;
    int mark;               /* the number by which all that the step starts has a pipe of ours */
    bool has_numbers;       /* else the step runs without a hook */
    struct numbers numbers;
    ino_t inode;            /* of the reports' pipe; 0: none */
};

/* Makes the pipes: without a hook only what marks the step. False where no number is free, or no
 * descriptor is left: then there are none. */
bool pipes_make(struct pipes *pipes, bool has_hook);

/* Gives the step its ends, in the process that becomes it; false if it can only start plain. */
bool pipes_hand_over(const struct pipes *pipes, const struct launch *launch);

/* Reads the code of a report that has come, from 1 to 255; 0 if that is no report. */
int pipes_read_report(const struct pipes *pipes);

/* Closes our end of the answers: once all have, the interpreter goes on dying. */
void pipes_release(struct pipes *pipes);

#endif
