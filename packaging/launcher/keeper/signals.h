/* Signals: how they arrived, how the keeper reads them, and what it does about each.
 *
 * By system calls, with the kernel's own masks: musl keeps 32 to 34 for itself, and refuses what
 * programs of glibc know as SIGRTMIN.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PARENT_DEATH 35 /* tells of the keeper's death (agent/session/guard.py) */
#define NOTICES 16      /* signals in one read */

typedef uint64_t signal_set; /* bit N - 1 is signal N */

#define ONLY_SIGNAL(number) ((signal_set)1 << ((number) - 1))

/* The signal state that the runner started us with, for the step to have. */
struct arrived {
    signal_set mask;
    bool children_ignored;
    bool hangup_ignored;
};

/* One signal as it was read: its number, who or what sent it. */
struct notice {
    int number;
    int code;
    pid_t sender;
};

/* What to do about a signal. */
struct answer {
    int forward; /* what the step is sent, 0: nothing */
    bool aborts;
    bool enables;
    bool stops;
};

/* Blocks every signal that is ours to read, and puts an ignored SIGCHLD right. */
void signals_take_over(struct arrived *arrived);

/* Restores what arrived, in a process that is about to become the step. */
void signals_give_back(const struct arrived *arrived);

/* Lets through all signals but those of a set. */
void signals_block_only(signal_set set);

/* Returns a descriptor from which the blocked signals of a set are read, or -1. */
int signals_descriptor(signal_set set);

/* Returns a descriptor from which all that is ours to read is read, or -1. */
int signals_watch(void);

/* Reads up to NOTICES pending signals; returns how many there were that did not arrive ignored. */
size_t signals_read(int descriptor, struct notice notices[NOTICES]);

/* Decides about a signal; `from_step`: a process of the step's own tree sent it. */
struct answer signals_answer(const struct notice *notice, bool terminal, bool from_step,
                             bool running);

/* Returns the name of a signal that aborts, or NULL for any other. */
const char *signals_abort_name(int number);

/* Stops this process as the step was stopped; returns when it goes on. */
void signals_stop_by(int number);

/* Ends this process by a signal; returns where that cannot be (as PID 1 of a container). */
void signals_die_of(int number);

#endif
