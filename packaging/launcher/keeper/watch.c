#define _GNU_SOURCE
#include "watch.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "descriptors.h"
#include "link.h"
#include "proc.h"

#define LONGEST_LINEAGE 4096 /* pids may be used again while we climb: it must end */

bool watch_begin(struct watch *watch, const struct arrived *arrived, bool terminal)
{
    watch->terminal = terminal;
    parent_watch(&watch->parent, !arrived->hangup_ignored);
    watch->signals = signals_watch();
    return watch->signals >= 0;
}

void watch_settle(struct watch *watch)
{
    parent_listen(&watch->parent);
    int wanted[] = {watch->signals, watch->parent.descriptor, -1, -1, -1, -1};
    if (watch->session.exists) {
        wanted[2] = watch->session.link;
        wanted[5] = watch->session.token_pipe;
    }
    if (watch->pipes != NULL) {
        wanted[3] = watch->pipes->reports;
        wanted[4] = watch->pipes->answers;
    }
    descriptors_keep_only(wanted, sizeof wanted / sizeof *wanted);
}

void watch_abort(struct watch *watch, const char *reason)
{
    if (watch->aborted == NULL)
        watch->aborted = reason;
}

void watch_release(struct watch *watch)
{
    if (watch->has_step)
        watch->step.released = watch->step.released || step_waits(&watch->step);
    if (watch->pipes != NULL)
        pipes_release(watch->pipes);
    if (watch->session.exists)
        link_send(watch->session.link, "release");
}

/* Signals and children */

/* Tells whether a process is below us, and not below the session process. One that is gone already
 * was, if the step died of its signal, too: what is sent to us alone does not reach it. */
static bool is_of_step(const struct watch *watch, pid_t pid, int number)
{
    pid_t keeper = getpid();
    struct process process;
    if (pid == keeper)
        return false;
    if (!proc_read(pid, &process))
        return watch->has_step && step_dies_of(&watch->step, number);
    for (int i = 0; pid > 0 && i < LONGEST_LINEAGE && proc_read(pid, &process); i++) {
        if (watch->session.exists && pid == watch->session.pid)
            return false;
        if (process.parent == keeper)
            return !(watch->session.exists && pid == watch->session.pid);
        pid = process.parent;
    }
    return false;
}

static bool is_job_control_stop(int number)
{
    return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static void note_end(struct watch *watch, pid_t pid, int raw)
{
    if (watch->has_step && pid == watch->step.pid) {
        if (!WIFSTOPPED(raw))
            watch->step.status = status_of(raw);
        else if (watch->terminal && is_job_control_stop(WSTOPSIG(raw)) &&
                 step_is_stopped(&watch->step))
            signals_stop_by(WSTOPSIG(raw)); /* so that a calling shell gets its prompt back */
    } else if (watch->session.exists && pid == watch->session.pid && !WIFSTOPPED(raw)) {
        watch->session.status = status_of(raw);
    }
}

static void reap(struct watch *watch)
{
    int raw;
    pid_t pid;
    while ((pid = waitpid(-1, &raw, WNOHANG | WUNTRACED)) > 0)
        note_end(watch, pid, raw);
}

static void take_signal(struct watch *watch, const struct notice *notice)
{
    struct step *step = &watch->step;
    bool running = watch->has_step && !watch->holding && step_takes_signals(step);
    bool from_step = watch->terminal && notice->number != SIGCHLD && notice->sender != 0 &&
                     is_of_step(watch, notice->sender, notice->number);
    struct answer answer = signals_answer(notice, watch->terminal, from_step, running);
    if (answer.aborts && watch->aborted == NULL) {
        watch->aborted = signals_abort_name(notice->number);
        if (watch->has_step && watch->terminal && watch->holding)
            step->struck = -notice->number; /* it may have hit the waiting interpreter as well */
    }
    if (answer.enables && watch->aborted == NULL)
        watch->asked_for_session = true;
    if (watch->has_step)
        step_forward(step, answer.forward);
    if (answer.stops)
        signals_stop_by(SIGSTOP);
}

static void take_signals(struct watch *watch)
{
    struct notice notices[NOTICES];
    size_t count;
    while ((count = signals_read(watch->signals, notices)) > 0)
        for (size_t i = 0; i < count; i++)
            take_signal(watch, &notices[i]);
    /* Only now: a sender that ended meanwhile can be told from a stranger until it is reaped. */
    reap(watch);
}

/* The hook and the session process */

/* The hook says that the step has failed; a second word of it is not for us. After an end of file,
 * or somebody else's bytes, no report can come: then nobody may wait for an answer. */
static void take_report(struct watch *watch)
{
    watch->hears_hook = false;
    watch->step.reported = pipes_read_report(watch->pipes);
    if (watch->aborted != NULL || watch->step.reported == 0)
        watch_release(watch);
}

static void take_message(struct watch *watch)
{
    bool aborts;
    if (!child_hear(&watch->session, &aborts))
        watch->session.connected = false;
    if (aborts) {
        watch_abort(watch, "the relay");
        watch->ends_step = true;
    }
}

/* Waiting */

static bool is_ready(const struct pollfd *descriptor)
{
    return descriptor->fd >= 0 && descriptor->revents != 0;
}

void watch_wait(struct watch *watch, long long ms)
{
    if (ms != FOR_EVER && ms < 0)
        ms = 0;
    if (parent_must_be_looked_at(&watch->parent) && (ms == FOR_EVER || ms > PARENT_LOOK_MS))
        ms = PARENT_LOOK_MS;
    struct parent *parent = &watch->parent;
    bool is_connected = watch->session.exists && watch->session.connected;
    /* What is negative is not looked at. */
    struct pollfd all[] = {
        {.fd = watch->signals, .events = POLLIN},
        {.fd = parent->heard ? -1 : parent->descriptor, .events = POLLIN},
        {.fd = watch->hears_hook ? watch->pipes->reports : -1, .events = POLLIN},
        {.fd = is_connected ? watch->session.link : -1, .events = POLLIN},
    };
    struct timespec limit = {ms / 1000, ms % 1000 * 1000000};
    if (ppoll(all, sizeof all / sizeof *all, ms == FOR_EVER ? NULL : &limit, NULL) > 0) {
        if (is_ready(&all[0]))
            take_signals(watch);
        parent->heard = parent->heard || is_ready(&all[1]);
        if (is_ready(&all[2]))
            take_report(watch);
        if (is_ready(&all[3]))
            take_message(watch);
    }
    if (watch->aborted == NULL && parent_is_gone(parent))
        watch->aborted = "parent ended";
}

void watch_session_end(struct watch *watch)
{
    long long deadline = now_ms() + GOODBYE_MS, left;
    while (watch->session.status == NO_STATUS && (left = deadline - now_ms()) > 0)
        watch_wait(watch, left);
    child_reap(&watch->session);
}

void watch_farewell(struct watch *watch)
{
    const struct child *session = &watch->session;
    long long left, deadline = now_ms() + (watch->aborted != NULL ? GOODBYE_MS : FAREWELL_MS);
    while (session->connected && !session->left && (left = deadline - now_ms()) > 0)
        watch_wait(watch, left);
    if (!session->left)
        child_reap(&watch->session);
}
