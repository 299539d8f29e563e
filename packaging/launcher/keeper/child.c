#define _GNU_SOURCE
#include "child.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link.h"
#include "step.h"

#define CODE_DIGITS 3
#define HIGHEST_CODE 255

void child_fork(struct child *child, const struct sleeper *sleeper)
{
    int ends[2];
    child->exists = false;
    if (!link_make(ends))
        return;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        asleep(sleeper, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return;
    }
    *child = (struct child){
        .exists = true,
        .pid = pid,
        .link = ends[0],
        .status = NO_STATUS,
        .connected = true,
        .code = NO_CODE,
    };
}

bool child_wait_until_ready(struct child *child)
{
    struct pollfd waiting = {.fd = child->link, .events = POLLIN};
    struct message message;
    child->ready = child->exists && poll(&waiting, 1, READY_MS) > 0 &&
                   link_receive(child->link, &message) && message_is(&message, "ready");
    return child->ready;
}

void child_discard_unready(struct child *child)
{
    if (!child->exists || child->ready)
        return;
    child_reap(child);
    close(child->link);
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
    } else if (message_is(&message, "over")) {
        child->over = true;
    } else if (message_is(&message, "abort")) {
        *aborts = true;
    }
    return true;
}
