#define _GNU_SOURCE
#include "step.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "environment.h"
#include "link.h"
#include "proc.h"

#define STACK_BYTES (64 * 1024) /* for the process that becomes the step: a path, and some calls */

static const char *reason_text(int number)
{
    for (const struct error_text *error = ERROR_TEXTS; error->text != NULL; error++)
        if (error->number == number)
            return error->text;
    return strerror(number);
}

static int give_up(const char *name, const char *reason, int status)
{
    struct iovec pieces[] = {
        {"agent: ", 7},
        {(char *)name, strlen(name)},
        {": ", 2},
        {(char *)reason, strlen(reason)},
        {"\n", 1},
    };
    if (writev(STDERR_FILENO, pieces, sizeof pieces / sizeof *pieces) < 0)
        return status; /* a log that is gone does not change the code */
    return status;
}

/* Runs one file; returns the error. What is in no format that the kernel knows is run by sh, as
 * execvp(3) has it. */
static int execute(const char *path, const struct launch *launch)
{
    execve(path, launch->argv, launch->environment);
    if (errno != ENOEXEC)
        return errno;
    char **line = launch->argv - 1;
    char *before = line[0], *name = line[1];
    line[0] = FALLBACK_SHELL;
    line[1] = (char *)path;
    execve(FALLBACK_SHELL, line, launch->environment);
    int error = errno;
    line[0] = before; /* the memory is the keeper's, too */
    line[1] = name;
    return error;
}

/* Tries the paths that a name may mean; returns the error, ENOENT if there is no such file. */
static int execute_any(const struct launch *launch)
{
    const char *name = launch->argv[0];
    if (strchr(name, '/') != NULL)
        return execute(name, launch);
    const char *folders = environment_get(launch->environment, "PATH");
    if (folders == NULL)
        folders = DEFAULT_PATH;
    int reason = ENOENT;
    while (*name != '\0') {
        char path[PATH_MAX];
        size_t length = strcspn(folders, ":");
        int written = snprintf(path, sizeof path, "%.*s%s%s", (int)length, folders,
                               length > 0 ? "/" : "", name);
        int error = written < PATH_MAX ? execute(path, launch) : ENAMETOOLONG;
        if (error != ENOENT && error != ENOTDIR) {
            reason = error;
            if (error != EACCES)
                break;
        }
        if (folders[length] == '\0')
            break;
        folders += length + 1;
    }
    return reason;
}

int step_become(const struct launch *launch, const struct launch *plain)
{
    const char *name = launch->argv[0];
    int error = execute_any(launch);
    if (error == E2BIG && launch->armed) /* too long for the kernel only with our hook */
        return step_become(plain, plain);
    if (error == ENOENT || error == ENOTDIR)
        return give_up(name, strchr(name, '/') != NULL ? reason_text(ENOENT) : "command not found",
                       NOT_FOUND_EXIT);
    return give_up(name, reason_text(error), NOT_EXECUTABLE_EXIT);
}

struct birth {
    const struct start *start;
    pid_t keeper;
};

/* What the step's process does before it is the step. It must never be there without a guard: until
 * the session process is one, it dies with the keeper. */
static int be(void *argument)
{
    const struct birth *birth = argument;
    const struct start *start = birth->start;
    const struct launch *plain = &start->launches->plain, *launch = plain;
    int status = NOT_EXECUTABLE_EXIT;
    if (!start->terminal)
        setsid();
    if (start->pipes != NULL) {
        if (start->pipes->has_numbers)
            launch = &start->launches->armed;
        if (!pipes_hand_over(start->pipes, launch))
            launch = plain;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == birth->keeper) {
        /* Else it was killed with our group, and the keeper with it, maybe later: we still die with
         * the keeper. */
        if (child_wait_until_ready(start->session)) {
            child_tell_step(start->session, getpid());
            prctl(PR_SET_PDEATHSIG, 0);
        }
        signals_give_back(start->arrived);
        status = step_become(launch, plain);
    }
    _exit(status);
}

bool step_start(struct step *step, const struct start *start)
{
    static char stack[STACK_BYTES] __attribute__((aligned(16)));
    struct birth birth = {start, getpid()};
    bool is_armed = start->pipes != NULL && start->pipes->has_numbers;
    const struct launch *launch =
        is_armed ? &start->launches->armed : &start->launches->plain;
    /* As vfork: our memory is not copied, and we go on when the step has become its program, from
     * when on it can be sent signals. */
    pid_t pid = clone(be, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &birth);
    if (pid < 0)
        return false;
    *step = (struct step){
        .pid = pid,
        .terminal = start->terminal,
        .armed = launch->armed,
        .grace_ms = launch->grace_ms,
        .begun_ms = now_ms(),
        .status = NO_STATUS,
        .struck = NO_STATUS,
    };
    return true;
}

bool step_is_running(const struct step *step)
{
    return step->status == NO_STATUS && step->reported == 0;
}

bool step_waits(const struct step *step)
{
    return step->status == NO_STATUS && step->reported != 0;
}

bool step_takes_signals(const struct step *step)
{
    return step->status == NO_STATUS && (step->reported == 0 || step->released);
}

bool step_is_stopped(const struct step *step)
{
    struct process process;
    return proc_read(step->pid, &process) && process.state == 'T';
}

bool step_dies_of(const struct step *step, int number)
{
    static const struct timespec nap = {0, 1000000};
    long long deadline = now_ms() + DYING_MS;
    while (step->status == NO_STATUS) {
        siginfo_t end = {0};
        waitid(P_PID, (id_t)step->pid, &end, WEXITED | WNOHANG | WNOWAIT);
        if (end.si_pid != 0)
            return end.si_code != CLD_EXITED && end.si_status == number;
        if (now_ms() >= deadline)
            return false;
        nanosleep(&nap, NULL);
    }
    return false;
}

long long step_elapsed_ms(const struct step *step)
{
    return now_ms() - step->begun_ms;
}

int step_outcome(const struct step *step)
{
    bool by_itself = step->status != NO_STATUS && step->status != step->struck;
    if (step->reported != 0 && (!by_itself || step->overdue || !step->released))
        return step->reported;
    return step->status;
}

void step_forward(const struct step *step, int number)
{
    if (number == 0)
        return;
    if (!step->terminal)
        kill(-step->pid, number);
    else if (number != SIGCONT || step_is_stopped(step))
        kill(step->pid, number);
}

int status_of(int raw)
{
    return WIFSIGNALED(raw) ? -WTERMSIG(raw) : WEXITSTATUS(raw);
}
