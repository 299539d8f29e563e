#define _GNU_SOURCE
#include "ending.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define ENTRY_BYTES (sizeof SESSION_VARIABLE + LINK_LIMIT)

static bool is_in(const struct processes *list, const struct process *process)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].pid == process->pid && list->all[i].start == process->start)
            return true;
    return false;
}

/* Sends a signal; a process that became another user's cannot be ended, and is remembered. */
static void send_signal(const struct process *process, int number, struct processes *refused)
{
    if (kill(process->pid, number) != 0 && errno == EPERM)
        proc_add(refused, process);
}

/* Chooses all that is below us, but the session process, and its users unless they are wanted. */
static void choose_left(struct processes *processes, const struct child *session, bool users)
{
    bool is_alive = session->exists && session->status == NO_STATUS;
    proc_snapshot(processes);
    if (is_alive && users)
        proc_choose_below(processes, session->pid, session->pid);
    proc_choose_below(processes, getpid(), is_alive ? session->pid : 0);
}

static void tell(const struct process *process, struct processes *told, struct processes *refused)
{
    if (is_in(told, process) || !proc_add(told, process))
        return;
    send_signal(process, SIGTERM, refused);
    send_signal(process, SIGCONT, refused);
}

void ending_all(struct watch *watch, bool users)
{
    static struct processes processes, told, refused;
    told.count = refused.count = 0;
    long long begun = now_ms();
    bool any = true;
    while (any && now_ms() - begun <= TERM_MS + KILL_MS) {
        any = false;
        bool is_late = now_ms() - begun > TERM_MS;
        choose_left(&processes, &watch->session, users);
        for (size_t i = 0; i < processes.count; i++) {
            const struct process *process = &processes.all[i];
            if (!process->chosen || !proc_is_alive(process) || is_in(&refused, process))
                continue;
            any = true;
            if (is_late)
                send_signal(process, SIGKILL, &refused);
            else
                tell(process, &told, &refused);
        }
        if (any)
            watch_wait(watch, ENDING_NAP_MS);
    }
}

void ending_users(struct watch *watch, const char *session, const struct processes *started)
{
    static struct processes processes, refused;
    char entry[ENTRY_BYTES];
    snprintf(entry, sizeof entry, SESSION_VARIABLE "=%s", session);
    refused.count = 0;
    long long deadline = now_ms() + KILL_MS;
    bool any = true;
    while (any && now_ms() < deadline) {
        any = false;
        choose_left(&processes, &watch->session, true);
        for (size_t i = 0; i < processes.count; i++) {
            const struct process *process = &processes.all[i];
            if (!process->chosen || !proc_is_alive(process) || is_in(&refused, process))
                continue;
            if (is_in(started, process) ||
                (*session != '\0' && proc_has_variable(process->pid, entry))) {
                any = true;
                send_signal(process, SIGKILL, &refused);
            }
        }
        if (any)
            watch_wait(watch, ENDING_NAP_MS);
    }
}
