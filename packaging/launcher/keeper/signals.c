#define _GNU_SOURCE
#include "signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SENT_BY_KERNEL 0x80 /* SI_KERNEL: ^C, ^\ and ^Z of a terminal, its hang-up (sigaction(2)) */

#define JOB_CONTROL (ONLY_SIGNAL(SIGTTIN) | ONLY_SIGNAL(SIGTTOU))

/* glibc keeps 32 and 33 for its threads. */
#define OF_LIBC (ONLY_SIGNAL(32) | ONLY_SIGNAL(33))

/* What our own writing may raise: blocked, and never read. */
#define OF_WRITING (ONLY_SIGNAL(SIGPIPE) | ONLY_SIGNAL(SIGXFSZ))

#define NEVER_OURS                                                                                 \
    (ONLY_SIGNAL(SIGKILL) | ONLY_SIGNAL(SIGSTOP) | ONLY_SIGNAL(SIGWINCH) | JOB_CONTROL | OF_LIBC | \
     OF_WRITING)

#define OURS (~NEVER_OURS)

/* As the kernel has it. No handler is ever set here, so `restorer` is never looked at. */
struct disposition {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    signal_set mask;
};

static void set_mask(int how, signal_set set, signal_set *old)
{
    syscall(SYS_rt_sigprocmask, how, &set, old, sizeof set);
}

static bool is_ignored(int number)
{
    struct disposition now = {0};
    syscall(SYS_rt_sigaction, number, NULL, &now, sizeof now.mask);
    return now.handler == SIG_IGN;
}

static void set_disposition(int number, void (*handler)(int))
{
    const struct disposition wanted = {.handler = handler};
    syscall(SYS_rt_sigaction, number, &wanted, NULL, sizeof wanted.mask);
}

void signals_take_over(struct arrived *arrived)
{
    arrived->children_ignored = is_ignored(SIGCHLD);
    arrived->hangup_ignored = is_ignored(SIGHUP);
    arrived->mask = 0;
    set_mask(SIG_BLOCK, OURS | OF_WRITING, &arrived->mask);
    if (arrived->children_ignored) /* or the kernel would reap the step and lose its status */
        set_disposition(SIGCHLD, SIG_DFL);
}

void signals_give_back(const struct arrived *arrived)
{
    if (arrived->children_ignored)
        set_disposition(SIGCHLD, SIG_IGN);
    set_mask(SIG_SETMASK, arrived->mask, NULL);
}

void signals_block_only(signal_set set)
{
    set_mask(SIG_SETMASK, set, NULL);
}

int signals_descriptor(signal_set set)
{
    return (int)syscall(SYS_signalfd4, -1, &set, sizeof set, O_NONBLOCK | O_CLOEXEC);
}

int signals_watch(void)
{
    return signals_descriptor(OURS);
}

/* The kernel's signalfd_siginfo: its first four words are what we look at. */
struct record {
    uint32_t number;
    int32_t error;
    int32_t code;
    uint32_t sender;
    unsigned char rest[112];
};

size_t signals_read(int descriptor, struct notice notices[NOTICES])
{
    struct record records[NOTICES];
    ssize_t bytes = read(descriptor, records, sizeof records);
    size_t read_count = bytes > 0 ? (size_t)bytes / sizeof *records : 0, count = 0;
    for (size_t i = 0; i < read_count; i++) {
        int number = (int)records[i].number;
        if (is_ignored(number)) /* what arrived so stays so, for all of us */
            continue;
        notices[count++] = (struct notice){
            .number = number,
            .code = records[i].code,
            .sender = (pid_t)records[i].sender,
        };
    }
    return count;
}

const char *signals_abort_name(int number)
{
    switch (number) {
    case SIGTERM: return "SIGTERM";
    case SIGINT: return "SIGINT";
    case SIGHUP: return "SIGHUP";
    default: return NULL;
    }
}

/* With a terminal the step is in our own group: what the kernel or `kill 0` sends has reached it
 * already. Without, it leads a session of its own, where the default of SIGTSTP is nothing: so
 * STOP. */
struct answer signals_answer(const struct notice *notice, bool terminal, bool from_step,
                             bool running)
{
    int number = notice->number;
    if (number == SIGCHLD || (terminal && from_step))
        return (struct answer){0};
    bool aborts = signals_abort_name(number) != NULL;
    if (!running)
        return (struct answer){.aborts = aborts, .stops = number == SIGTSTP};
    if (number == SIGUSR1)
        return (struct answer){.enables = true};
    if (terminal && notice->code == SENT_BY_KERNEL)
        return (struct answer){.aborts = aborts};
    if (number == SIGTSTP && !terminal)
        return (struct answer){.forward = SIGSTOP, .stops = true};
    return (struct answer){.forward = number, .aborts = aborts};
}

/* Sent while blocked, it melts into one that the terminal sent us as well: unblocked, they stop us
 * once. */
void signals_stop_by(int number)
{
    kill(getpid(), number);
    if (number == SIGSTOP)
        return;
    set_mask(SIG_UNBLOCK, ONLY_SIGNAL(number), NULL);
    set_mask(SIG_BLOCK, ONLY_SIGNAL(number) & ~JOB_CONTROL, NULL);
}

void signals_die_of(int number)
{
    if (number != SIGKILL && number != SIGSTOP) {
        set_disposition(number, SIG_DFL);
        set_mask(SIG_UNBLOCK, ONLY_SIGNAL(number), NULL);
    }
    kill(getpid(), number);
}
