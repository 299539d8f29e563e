#define _GNU_SOURCE
#include "child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link.h"
#include "say.h"
#include "step.h"

#define STACK_BYTES (64 * 1024) /* for newborn.c: a message, and a few numbers in decimal */
#define CODE_DIGITS 3
#define HIGHEST_CODE 255

/* The link, and a pipe for the token if there is one: each its end and ours. */
struct joints {
    int link[2];
    int token[2];
};

/* What the session process begins with. It reads that in our own memory while we go on: each has
 * its copy here until the next. */
struct birth {
    const struct sleeper *sleeper;
    struct joints joints;
    volatile pid_t step;
};

static struct birth birth;

static bool join(struct joints *joints, bool has_token)
{
    joints->token[0] = joints->token[1] = -1;
    if (!link_make(joints->link))
        return false;
    if (!has_token || pipe2(joints->token, O_CLOEXEC) == 0)
        return true;
    close(joints->link[0]);
    close(joints->link[1]);
    return false;
}

static int be(void *argument)
{
    const struct ends ends = {
        .link = birth.joints.link[1],
        .token = birth.joints.token[0],
        .step = &birth.step,
    };
    (void)argument;
    close(birth.joints.link[0]);
    if (birth.joints.token[1] >= 0)
        close(birth.joints.token[1]);
    newborn(birth.sleeper, &ends);
}

/* As a thread it has our memory, and is a process all the same. An emulator knows no such thing. */
static pid_t clone_or_fork(bool *beside_us)
{
    static char stack[STACK_BYTES] __attribute__((aligned(16)));
    pid_t pid = clone(be, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    *beside_us = pid > 0;
    if (pid >= 0 || errno != EINVAL)
        return pid;
    pid = fork();
    if (pid == 0)
        be(NULL);
    return pid;
}

void child_fork(struct child *child, const struct sleeper *sleeper, const char *token)
{
    struct joints *joints = &birth.joints;
    bool beside_us;
    child->exists = false;
    birth.sleeper = sleeper;
    birth.step = 0;
    if (!join(joints, *token != '\0'))
        return;
    pid_t pid = clone_or_fork(&beside_us);
    close(joints->link[1]);
    if (joints->token[0] >= 0)
        close(joints->token[0]);
    *child = (struct child){
        .exists = pid > 0,
        .beside_us = beside_us,
        .pid = pid,
        .link = joints->link[0],
        .token_pipe = joints->token[1],
        .token = token,
        .status = NO_STATUS,
        .connected = true,
        .code = NO_CODE,
    };
    if (pid < 0)
        child_close(child);
}

void child_close(struct child *child)
{
    close(child->link);
    close(child->token_pipe);
    child->link = child->token_pipe = -1;
}

static bool has_word(const struct child *child, int ms)
{
    struct pollfd waiting = {.fd = child->link, .events = POLLIN};
    return child->exists && poll(&waiting, 1, ms) > 0;
}

bool child_wait_until_ready(const struct child *child)
{
    struct message message;
    return child->ready || (has_word(child, READY_MS) && link_peek(child->link, &message) &&
                            message_is(&message, "ready"));
}

void child_tell_step(const struct child *child, pid_t step)
{
    if (child->beside_us)
        birth.step = step;
    else
        link_send(child->link, "step %d", (int)step);
}

void child_confirm(struct child *child, int ms)
{
    struct message message;
    if (!child->exists || child->ready)
        return;
    child->ready = has_word(child, ms) && link_receive(child->link, &message) &&
                   message_is(&message, "ready");
    if (child->ready)
        return;
    child_reap(child);
    child_close(child);
    child->exists = false;
}

void child_reap(struct child *child)
{
    if (!child->exists || child->status != NO_STATUS)
        return;
    kill(child->pid, SIGKILL);
    int raw = 0;
    while (waitpid(child->pid, &raw, 0) < 0 && errno == EINTR)
        ;
    child->status = status_of(raw);
}

/* Reads an exit code; NO_CODE for any other word. */
static int parse_code(const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)word[i]))
            return NO_CODE;
    if (length == 0 || length > CODE_DIGITS || atoi(word) > HIGHEST_CODE)
        return NO_CODE;
    return atoi(word);
}

/* Gives the token to a session process whose memory and descriptors nobody else can look at. Before
 * that, what it could read from a pipe every process of its user could. */
static void give_token(struct child *child)
{
    if (child->token_pipe < 0)
        return;
    size_t length = strlen(child->token);
    if (write(child->token_pipe, child->token, length) != (ssize_t)length)
        say("no token could be given to the session process");
    close(child->token_pipe);
    child->token_pipe = -1;
}

bool child_hear(struct child *child, bool *aborts)
{
    struct message message;
    *aborts = false;
    if (!link_receive(child->link, &message))
        return false;
    if (message_is(&message, "opened") || message_is(&message, "enabled")) {
        child->opened = true;
    } else if (message_is(&message, "named") && message.words[1] != NULL) {
        strcpy(child->name, message.words[1]);
    } else if (message_is(&message, "verdict") && message.words[1] != NULL) {
        child->has_verdict = true;
        child->code = parse_code(message.words[1]);
    } else if (message_is(&message, "hidden")) {
        give_token(child);
    } else if (message_is(&message, "over")) {
        child->over = true;
    } else if (message_is(&message, "left")) {
        child->left = true;
    } else if (message_is(&message, "abort")) {
        *aborts = true;
    }
    return true;
}
