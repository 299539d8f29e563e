/* The sleeping session process' half of the bargain: it survives a killed keeper, and then ends
 * everything (agent/session/guard.py). */
#ifndef GUARD_H
#define GUARD_H

#include <stdnoreturn.h>
#include <sys/types.h>

/* Kills all that the step has started, until nothing is found, then ends this process. `step`: its
 * pid, 0: none; `inode`: of the pipe that marks all that it starts, 0: none. */
noreturn void guard_sweep(pid_t step, ino_t inode);

#endif
