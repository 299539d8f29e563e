/* Processes as /proc shows them. */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent, group, session;
    char state;
    bool chosen;              /* by whoever looks: below an ancestor, for one */
    unsigned long long start; /* clock ticks since boot */
};

struct processes {
    struct process *all;
    size_t count, room;
};

/* Tells whether there is a /proc. */
bool proc_is_mounted(void);

/* Reads one process; false if there is none. */
bool proc_read(pid_t pid, struct process *process);

/* Tells whether it is neither a zombie nor gone. */
bool proc_is_alive(const struct process *process);

/* Adds one; false where there is no memory. */
bool proc_add(struct processes *processes, const struct process *process);

/* Takes every process that can be seen, none chosen; the memory is used again. */
void proc_snapshot(struct processes *processes);

/* Chooses also all that is below those that are chosen or are `root`; never one of `except`. */
void proc_choose_below(struct processes *processes, pid_t root, pid_t except);

/* Drops those that are not chosen. */
void proc_keep_chosen(struct processes *processes);

/* Tells whether a process holds the pipe with this inode. */
bool proc_holds_pipe(pid_t pid, ino_t inode);

/* Tells whether a process was started with this NAME=VALUE in its environment. */
bool proc_has_variable(pid_t pid, const char *entry);

#endif
