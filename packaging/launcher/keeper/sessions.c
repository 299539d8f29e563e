#include "sessions.h"

#include <string.h>

#include "clock.h"
#include "ending.h"
#include "link.h"
#include "say.h"

#define REASON_BYTES 32

/* Ends what there is, and forks one anew, for a step that runs or has ended. */
static void replace_process(const struct sessions *sessions)
{
    struct watch *watch = sessions->watch;
    child_reap(&watch->session);
    if (watch->session.exists)
        child_close(&watch->session);
    child_fork(&watch->session, &sessions->sleeper, sessions->token);
    child_confirm(&watch->session, READY_MS);
    if (watch->session.exists && watch->has_step)
        child_tell_step(&watch->session, watch->step.pid);
}

/* Tells the session process what became of the step; false if it is gone. */
static bool tell_state(struct watch *watch, const char *word)
{
    const struct step *step = &watch->step;
    long long elapsed = step_elapsed_ms(step);
    int outcome = step_outcome(step);
    if (step_is_running(step))
        return link_send(watch->session.link, "%s running - %lld", word, elapsed);
    const char *state = step_waits(step) ? "reported" : outcome != 0 ? "failed" : "passed";
    return link_send(watch->session.link, "%s %s %d %lld", word, state, outcome, elapsed);
}

/* Has the session process open a session; false: it died asleep, or there is none. */
static bool wake(struct watch *watch)
{
    struct child *session = &watch->session;
    if (!session->exists || !session->connected || !tell_state(watch, "open"))
        return false;
    long long deadline = now_ms() + OPEN_MS, left;
    while (session->connected && !session->opened && (left = deadline - now_ms()) > 0)
        watch_wait(watch, left);
    return session->opened;
}

bool sessions_open(const struct sessions *sessions)
{
    struct watch *watch = sessions->watch;
    if (watch->session.exists && watch->session.opened) {
        tell_state(watch, "became");
        return true;
    }
    if (wake(watch))
        return true;
    replace_process(sessions);
    return wake(watch);
}

void sessions_tell_death(struct watch *watch)
{
    watch_session_end(watch);
    int status = watch->session.status;
    say("the session process ended (%s %d): the session is over",
        status < 0 ? "signal" : "exit code", status < 0 ? -status : status);
}

void sessions_dismiss(struct watch *watch)
{
    char reason[REASON_BYTES] = "-";
    if (!watch->session.exists)
        return;
    if (watch->aborted != NULL) {
        strncpy(reason, watch->aborted, sizeof reason - 1);
        for (char *blank = reason; (blank = strchr(blank, ' ')) != NULL;)
            *blank = '-';
    }
    link_send(watch->session.link, "goodbye %s", reason);
    watch_farewell(watch);
}

void sessions_close(const struct sessions *sessions)
{
    static struct processes started;
    struct watch *watch = sessions->watch;
    proc_snapshot(&started);
    proc_choose_below(&started, watch->session.pid, watch->session.pid);
    proc_keep_chosen(&started);
    if (watch->session.over)
        sessions_dismiss(watch);
    else
        sessions_tell_death(watch);
    ending_users(watch, watch->session.name, &started);
    replace_process(sessions);
}
