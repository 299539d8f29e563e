#define _GNU_SOURCE
#include "asleep.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "descriptors.h"
#include "environment.h"
#include "guard.h"
#include "link.h"
#include "memory.h"
#include "signals.h"
#include "words.h"

#define NUMBER_BYTES 12

/* What the agent in Python is told on its command line (agent/session/woken.py), before the words
 * of the message and what followed `agent run`. */
enum {
    WORD_PROGRAM,
    WORD_COMMAND,
    WORD_LINK,
    WORD_REPORTS,
    WORD_ANSWERS,
    WORD_REPORT_NUMBER,
    WORD_ANSWERS_NUMBER,
    WORD_TEXT_NUMBER,
    WORD_INODE,
    WORD_TOKEN,
    WORD_STEP,
    WORD_STATE,
    WORD_STATUS,
    WORD_ELAPSED,
    WORD_SEPARATOR,
    WORD_COUNT,
};

#define NUMBER_WORDS (WORD_STEP - WORD_LINK + 1)

static void keep_over_exec(int descriptor)
{
    if (descriptor >= 0)
        fcntl(descriptor, F_SETFD, 0);
}

/* Becomes Python in this very process: our descriptors, and the word of the keeper's death that
 * may come meanwhile, stay. Returns where that cannot be. */
static void wake(const struct sleeper *sleeper, const struct ends *ends, pid_t step,
                 const struct message *message)
{
    static const struct pipes none = {.reports = -1, .answers = -1};
    const struct pipes *pipes = sleeper->pipes != NULL ? sleeper->pipes : &none;
    const struct numbers nothing = {-1, -1, -1};
    const struct numbers numbers = pipes->has_numbers ? pipes->numbers : nothing;
    char texts[NUMBER_WORDS][2 * NUMBER_BYTES];
    size_t count = count_words(sleeper->words);
    char **line = calloc(WORD_COUNT + count + 1, sizeof *line);
    char **environment = calloc(count_words(sleeper->environment) + 1, sizeof *environment);
    if (line == NULL || environment == NULL)
        return;
    environment_copy(environment, sleeper->environment);
    const long long values[NUMBER_WORDS] = {
        ends->link,     pipes->reports, pipes->answers,
        numbers.report, numbers.answers, numbers.text,
        (long long)pipes->inode, ends->token, step,
    };
    for (int i = 0; i < NUMBER_WORDS; i++) {
        snprintf(texts[i], sizeof texts[i], "%lld", values[i]);
        line[WORD_LINK + i] = texts[i];
    }
    line[WORD_PROGRAM] = (char *)sleeper->program;
    line[WORD_COMMAND] = "_session";
    line[WORD_STATE] = (char *)message->words[1];
    line[WORD_STATUS] = (char *)message->words[2];
    line[WORD_ELAPSED] = (char *)message->words[3];
    line[WORD_SEPARATOR] = "--";
    memcpy(line + WORD_COUNT, sleeper->words, count * sizeof *line);
    keep_over_exec(ends->link);
    keep_over_exec(ends->token);
    keep_over_exec(pipes->reports);
    keep_over_exec(pipes->answers);
    keep_over_exec(STDERR_FILENO);
    sleeper->become(line, environment);
    free(line);
    free(environment);
}

/* Learns the step's pid even if the keeper was killed right after it had been sent. */
static void read_last_messages(int link, pid_t *step)
{
    struct pollfd waiting = {.fd = link, .events = POLLIN};
    struct message message;
    while (poll(&waiting, 1, 0) > 0 && link_receive(link, &message))
        if (message_is(&message, "step") && message.words[1] != NULL)
            *step = atoi(message.words[1]);
}

/* Lets go of all that a step which is over at once need not wait for. Returns a descriptor that
 * tells of the keeper's death. */
static int settle(const struct sleeper *sleeper, const struct ends *ends)
{
    int death = signals_descriptor(ONLY_SIGNAL(PARENT_DEATH));
    int wanted[] = {ends->link, death, ends->token, -1, -1};
    if (sleeper->pipes != NULL) {
        wanted[3] = sleeper->pipes->reports;
        wanted[4] = sleeper->pipes->answers;
    }
    descriptors_keep_only(wanted, sizeof wanted / sizeof *wanted);
    memory_let_go();
    return death;
}

static noreturn void sleep_until_opened(const struct sleeper *sleeper, const struct ends *ends)
{
    int link = ends->link, death = -1;
    bool settled = false;
    struct message message;
    pid_t step = 0;
    ino_t inode = sleeper->pipes != NULL ? sleeper->pipes->inode : 0;
    for (;;) {
        struct pollfd waiting[] = {{.fd = link, .events = POLLIN}, {.fd = death, .events = POLLIN}};
        int count = poll(waiting, 2, settled ? -1 : SETTLED_MS);
        if (count == 0 && !settled) {
            death = settle(sleeper, ends);
            settled = true;
        }
        if (count <= 0)
            continue;
        if (waiting[1].revents != 0 || !link_receive(link, &message)) {
            read_last_messages(link, &step);
            guard_sweep(step, inode);
        }
        if (message_is(&message, "step") && message.words[1] != NULL) {
            step = atoi(message.words[1]);
        } else if (message_is(&message, "release") && sleeper->pipes != NULL) {
            pipes_release(sleeper->pipes);
        } else if (message_is(&message, "open") && message.words[3] != NULL) {
            link_send(link, "opened");
            if (!settled)
                settle(sleeper, ends);
            wake(sleeper, ends, step, &message);
            _exit(SESSION_FAILED_EXIT);
        }
    }
}

noreturn void asleep(const struct sleeper *sleeper, const struct ends *ends)
{
    setsid();
    signals_block_only(ONLY_SIGNAL(PARENT_DEATH));
    prctl(PR_SET_PDEATHSIG, PARENT_DEATH);
    link_send(ends->link, "ready"); /* the rest in the shadow of the step's start */
    environment_wipe(sleeper->environment);
    sleep_until_opened(sleeper, ends);
}
