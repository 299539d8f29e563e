#define _GNU_SOURCE
#include "keeper.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "descriptors.h"
#include "ending.h"
#include "environment.h"
#include "memory.h"
#include "proc.h"
#include "say.h"
#include "sessions.h"
#include "watch.h"

#define BY_SIGNAL 128 /* what a shell adds to a signal's number */
#define FIRST_PROCESS 1 /* of a container, or of the machine */

struct keeper {
    struct plan plan;
    struct launches launches;
    struct arrived arrived;
    struct pipes pipes;
    struct watch watch;
    struct sessions sessions;
    bool terminal;
    bool settled; /* we hold nothing that is the step's */
};

/* Replaces this process by the step, with nothing of ours left; returns where that fails. */
static int become(const struct keeper *keeper)
{
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    signals_give_back(&keeper->arrived);
    return step_become(&keeper->launches.plain, &keeper->launches.plain);
}

/* Starting */

static void start_step(struct keeper *keeper)
{
    struct watch *watch = &keeper->watch;
    const struct start start = {
        .launches = &keeper->launches,
        .pipes = watch->pipes,
        .arrived = &keeper->arrived,
        .session = &watch->session,
        .terminal = keeper->terminal,
    };
    /* An emulator that gives each process memory of its own does not have us wait, either, until
     * the step is its program: its process would look for a word that we have taken. */
    if (!watch->session.beside_us)
        child_confirm(&watch->session, READY_MS);
    if (!step_start(&watch->step, &start)) {
        child_reap(&watch->session);
        _exit(become(keeper));
    }
    child_confirm(&watch->session, 0); /* the step has waited for it */
    watch->has_step = true;
    watch->hears_hook = watch->pipes != NULL && watch->step.armed;
}

/* Lets go of what is the step's, once it is none of those that are over at once. */
static void settle(struct keeper *keeper)
{
    if (keeper->settled)
        return;
    watch_settle(&keeper->watch);
    memory_let_go();
    keeper->settled = true;
}

/* While the step runs */

static bool is_late(const struct keeper *keeper)
{
    long limit = keeper->plan.step_timeout;
    return limit != 0 &&
           step_elapsed_ms(&keeper->watch.step) >= (limit - LATE_SECONDS) * 1000LL;
}

static void serve_sessions(struct keeper *keeper)
{
    struct watch *watch = &keeper->watch;
    struct child *session = &watch->session;
    if (session->exists && session->opened && (session->over || !session->connected))
        sessions_close(&keeper->sessions);
    if (!watch->asked_for_session || !step_is_running(&watch->step))
        return;
    watch->asked_for_session = false;
    if (is_late(keeper))
        say("no session: it would end %d s before the --step-timeout, which is now",
            LATE_SECONDS);
    else if (!(session->exists && session->opened) && !sessions_open(&keeper->sessions))
        say("no session: out of processes or memory; the step goes on");
}

/* Waits until the step has ended, or has reported that it failed. */
static void run_step(struct keeper *keeper)
{
    struct watch *watch = &keeper->watch;
    struct step *step = &watch->step;
    long limit = keeper->plan.step_timeout;
    watch_wait(watch, SETTLED_MS);
    if (step->status == NO_STATUS)
        settle(keeper);
    for (;;) {
        serve_sessions(keeper);
        if (!step_is_running(step))
            return;
        watch_wait(watch, limit != 0 ? limit * 1000LL - step_elapsed_ms(step) : FOR_EVER);
        if (limit != 0 && step_is_running(step) && step_elapsed_ms(step) >= limit * 1000LL) {
            say("the step has run for its --step-timeout, %ld s: ending it", limit);
            watch_abort(watch, "step-timeout");
            watch->ends_step = true;
        }
        if (watch->ends_step && step_is_running(step)) {
            ending_all(watch, false);
            watch->ends_step = false;
            limit = 0; /* what became another user's cannot be ended, and would be told for ever */
        }
    }
}

/* Holding */

static bool is_to_be_held(const struct keeper *keeper)
{
    const struct watch *watch = &keeper->watch;
    const struct child *session = &watch->session;
    if (watch->aborted != NULL)
        return false;
    bool is_open = session->exists && session->opened && !session->over;
    if (step_outcome(&watch->step) == 0 && !keeper->plan.always && !is_open)
        return false;
    if (!is_late(keeper))
        return true;
    say("no session: the step ended within the last %d s of its --step-timeout",
        LATE_SECONDS);
    return false;
}

/* Holds until something ends the hold. */
static void hold(struct keeper *keeper)
{
    struct watch *watch = &keeper->watch;
    struct child *session = &watch->session;
    long longest = keeper->plan.max_timeout > keeper->plan.linger ? keeper->plan.max_timeout
                                                                  : keeper->plan.linger;
    watch->holding = true;
    settle(keeper);
    bool is_open = sessions_open(&keeper->sessions);
    long long deadline = now_ms() + longest * 1000LL + STUCK_MS;
    while (is_open && session->connected && !session->has_verdict && watch->aborted == NULL) {
        long long left = deadline - now_ms();
        watch_wait(watch, left > 0 ? left : 0);
        if (now_ms() >= deadline) {
            say("the session process does not end the session in time: ending it");
            watch->aborted = "timeout";
        }
        if (session->over) { /* the session of the running step ended just before the step did */
            sessions_close(&keeper->sessions);
            if (!is_to_be_held(keeper))
                return;
            is_open = sessions_open(&keeper->sessions);
        }
    }
    if (!is_open)
        say("no session: out of processes or memory; the step's own result stands");
    else if (!session->has_verdict && watch->aborted == NULL)
        sessions_tell_death(watch);
}

/* Lets the interpreter die, and ends what is left of a hold; without one the step's own pace
 * counts. */
static void finish(struct keeper *keeper)
{
    struct watch *watch = &keeper->watch;
    struct step *step = &watch->step;
    bool held = watch->session.exists && watch->session.opened;
    if (held || step->status == NO_STATUS)
        watch_release(watch);
    if (held)
        sessions_dismiss(watch);
    long long deadline = now_ms() + step->grace_ms;
    while (step->status == NO_STATUS && !(held && now_ms() >= deadline)) {
        long long left = deadline - now_ms();
        watch_wait(watch, !held ? FOR_EVER : left > 0 ? left : 0);
    }
    if (held) {
        step->overdue = step->status == NO_STATUS;
        ending_all(watch, true);
    }
    /* At last: if we are killed meanwhile, it ends the others. */
    child_reap(&watch->session);
}

static int verdict(const struct watch *watch)
{
    const struct child *session = &watch->session;
    if (session->exists && session->has_verdict && session->code != NO_CODE)
        return session->code;
    return step_outcome(&watch->step);
}

/* Ends this process with the code, or by the signal. As PID 1 of a container it cannot die of one:
 * then the code is 128 and its number. */
static noreturn void leave(int status)
{
    if (status < 0) {
        signals_die_of(-status);
        _exit(BY_SIGNAL - status);
    }
    _exit(status);
}

static noreturn void run(struct keeper *keeper)
{
    start_step(keeper);
    run_step(keeper);
    if (is_to_be_held(keeper))
        hold(keeper);
    finish(keeper);
    leave(verdict(&keeper->watch));
}

/* Has orphans below us become our children, so that the ending finds them. The first process of a
 * container gets them anyway, and an emulator may know no such call. */
static bool adopt_orphans(void)
{
    return getpid() == FIRST_PROCESS || prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

/* Takes our place, and puts the session process beside us. Returns what the kernel refused, or
 * NULL. */
static const char *begin(struct keeper *keeper)
{
    struct pipes *pipes = &keeper->pipes;
    signals_take_over(&keeper->arrived);
    descriptors_occupy_standard();
    keeper->watch.pipes = pipes_make(pipes, keeper->launches.armed.armed) ? pipes : NULL;
    keeper->sessions.sleeper.pipes = keeper->watch.pipes;
    if (prctl(PR_SET_DUMPABLE, 0) != 0) /* our memory and descriptors are nobody's to look at */
        return "prctl 4";
    child_fork(&keeper->watch.session, &keeper->sessions.sleeper, keeper->plan.token);
    return NULL;
}

/* Does what is left to do before the step, while the session process gets ready. Returns what the
 * kernel refused, or NULL. */
static const char *prepare(struct keeper *keeper)
{
    const struct pipes *pipes = keeper->watch.pipes;
    keeper->terminal = descriptors_have_terminal();
    if (pipes != NULL && pipes->has_numbers)
        arm_number(&keeper->launches, &pipes->numbers);
    if (!watch_begin(&keeper->watch, &keeper->arrived, keeper->terminal))
        return "signalfd";
    if (!adopt_orphans())
        return "prctl 36";
    return NULL;
}

/* Finds out how the step is to be started; false where not all is plain. */
static bool find_launches(struct keeper *keeper, char **environment)
{
    if (!plan_complete(&keeper->plan, environment) ||
        !arm_prepare(&keeper->launches, &keeper->plan))
        return false;
    environment_wipe(environment);
    return true;
}

int keeper_main(const char *program, char **words, char **environment)
{
    static struct keeper keeper;
    if (!plan_begin(&keeper.plan, words, environment))
        return LEAVE_TO_PYTHON;
    if (!keeper.plan.never && !proc_is_mounted())
        return LEAVE_TO_PYTHON;
    if (!find_launches(&keeper, environment))
        return LEAVE_TO_PYTHON;
    if (keeper.plan.never)
        return step_become(&keeper.launches.plain, &keeper.launches.plain);
    keeper.sessions = (struct sessions){
        .watch = &keeper.watch,
        .sleeper = {.program = program, .words = words, .environment = environment},
        .token = keeper.plan.token,
    };
    const char *refused = begin(&keeper);
    if (refused == NULL)
        refused = prepare(&keeper);
    if (refused == NULL)
        run(&keeper);
    child_reap(&keeper.watch.session);
    say("no session can open here: the kernel refused %s", refused);
    return become(&keeper);
}
