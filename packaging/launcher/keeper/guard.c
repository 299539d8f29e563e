#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "proc.h"
#include "tables.h"

#define SWEPT_EXIT 1 /* nobody is left to read it */

/* Chooses who is to die: the step, the members of its session, all theirs and ours. Only what
 * started after us: a pid may have been used again. */
static void choose_related(struct processes *processes, pid_t step, unsigned long long since)
{
    size_t young = 0;
    for (size_t i = 0; i < processes->count; i++)
        if (processes->all[i].start >= since)
            processes->all[young++] = processes->all[i];
    processes->count = young;
    pid_t me = getpid();
    for (size_t i = 0; i < processes->count; i++) {
        struct process *process = &processes->all[i];
        process->chosen = step != 0 && process->pid != me &&
                          (process->pid == step || process->session == step);
    }
    proc_choose_below(processes, me, me);
}

/* Kills the chosen. Returns whether there were any that can be killed. */
static bool kill_chosen(const struct processes *processes)
{
    bool any = false;
    for (size_t i = 0; i < processes->count; i++) {
        const struct process *process = &processes->all[i];
        if (process->chosen && proc_is_alive(process))
            any = kill(process->pid, SIGKILL) == 0 || errno != EPERM || any;
    }
    return any;
}

/* Chooses, instead of those that were, the holders of our pipe. */
static void choose_holders(struct processes *processes, ino_t inode)
{
    pid_t me = getpid();
    for (size_t i = 0; i < processes->count; i++) {
        struct process *process = &processes->all[i];
        process->chosen = !process->chosen && process->pid != me && proc_is_alive(process) &&
                          proc_holds_pipe(process->pid, inode);
    }
}

noreturn void guard_sweep(pid_t step, ino_t inode)
{
    static const struct timespec nap = {0, SWEEP_NAP_MS * 1000000L};
    struct process me = {0};
    struct processes processes = {0};
    proc_read(getpid(), &me);
    long long deadline = now_ms() + SWEEP_MS;
    bool any = true;
    while (any && now_ms() < deadline) {
        proc_snapshot(&processes);
        choose_related(&processes, step, me.start);
        any = kill_chosen(&processes);
        /* The slow look after the quick blow; both see one state, so nobody escapes between. */
        if (inode != 0) {
            choose_holders(&processes, inode);
            any = kill_chosen(&processes) || any;
        }
        if (any)
            nanosleep(&nap, NULL);
    }
    _exit(SWEPT_EXIT);
}
