#define _GNU_SOURCE
#include "asleep.h"

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
#include "pipes.h"
#include "signals.h"
#include "words.h"

/* Of a message `open`: the step's state, its status, milliseconds. */
#define OPEN_WORDS 3

struct state {
    int link;
    struct pipes pipes;
    int token;
    pid_t step;
    int death; /* tells of the keeper's */
};

static long long number(char *const *arguments, int word)
{
    return strtoll(arguments[word], NULL, 10);
}

static char *in_decimal(char text[WORD_BYTES], int value)
{
    snprintf(text, WORD_BYTES, "%d", value);
    return text;
}

static struct state read_words(char *const *arguments)
{
    return (struct state){
        .link = (int)number(arguments, WORD_LINK),
        .pipes = {
            .reports = (int)number(arguments, WORD_REPORTS),
            .answers = (int)number(arguments, WORD_ANSWERS),
            .inode = (ino_t)number(arguments, WORD_INODE),
        },
        .token = (int)number(arguments, WORD_TOKEN),
        .step = (pid_t)number(arguments, WORD_STEP),
        .death = -1,
    };
}

bool asleep_is_meant(int count, char *const *arguments)
{
    return count > WORDS_BEFORE && strcmp(arguments[WORD_COMMAND], ASLEEP_COMMAND) == 0;
}

/* Lets go of all that is the step's, and nobody else may have. */
static void settle(struct state *state)
{
    prctl(PR_SET_DUMPABLE, 0); /* an exec has undone it */
    descriptors_occupy_standard();
    state->death = signals_descriptor(ONLY_SIGNAL(PARENT_DEATH));
    int wanted[] = {state->link, state->death, state->token, state->pipes.reports,
                    state->pipes.answers};
    descriptors_keep_only(wanted, sizeof wanted / sizeof *wanted);
    memory_let_go();
}

/* Becomes Python in this very process: our descriptors, and the word of the keeper's death that
 * may come meanwhile, stay. Returns where that cannot be. */
static void wake(const struct state *state, char *const *arguments, char *const *environment,
                 const struct message *message, become_python *become)
{
    char step[WORD_BYTES], answers[WORD_BYTES];
    size_t count = count_words(arguments);
    char **line = calloc(count + OPEN_WORDS + 1, sizeof *line);
    char **session_environment = calloc(count_words(environment) + 1, sizeof *line);
    if (line != NULL && session_environment != NULL) {
        memcpy(line, arguments, WORD_STATE * sizeof *line);
        line[WORD_COMMAND] = SESSION_COMMAND;
        line[WORD_STEP] = in_decimal(step, state->step);
        line[WORD_ANSWERS] = in_decimal(answers, state->pipes.answers); /* maybe let go of */
        memcpy(line + WORD_STATE, message->words + 1, OPEN_WORDS * sizeof *line);
        memcpy(line + WORD_STATE + OPEN_WORDS, arguments + WORD_SEPARATOR,
               (count - WORD_SEPARATOR) * sizeof *line);
        environment_copy(session_environment, environment);
        become(arguments[WORD_STARTED], line, session_environment);
    }
    free(line);
    free(session_environment);
}

/* Learns the step's pid even if the keeper was killed right after it had been sent. */
static void read_last_messages(struct state *state)
{
    struct pollfd waiting = {.fd = state->link, .events = POLLIN};
    struct message message;
    while (poll(&waiting, 1, 0) > 0 && link_receive(state->link, &message))
        if (message_step(&message) != 0)
            state->step = message_step(&message);
}

/* Waits for one message; a keeper that is gone is the end of everything. */
static void wait_for_message(struct state *state, struct message *message)
{
    for (;;) {
        struct pollfd waiting[] = {
            {.fd = state->link, .events = POLLIN},
            {.fd = state->death, .events = POLLIN},
        };
        if (poll(waiting, 2, -1) <= 0)
            continue;
        if (waiting[1].revents == 0 && link_receive(state->link, message))
            return;
        read_last_messages(state);
        guard_sweep(state->step, state->pipes.inode);
    }
}

int asleep_main(char **arguments, char **environment, become_python *become)
{
    struct state state = read_words(arguments);
    struct message message;
    prctl(PR_SET_NAME, base_name(arguments[WORD_PROGRAM])); /* which `ps` shows of the keeper */
    settle(&state);
    for (;;) {
        wait_for_message(&state, &message);
        if (message_step(&message) != 0) {
            state.step = message_step(&message);
        } else if (message_is(&message, "release")) {
            pipes_release(&state.pipes);
        } else if (message_is(&message, "open") && message.words[OPEN_WORDS] != NULL) {
            link_send(state.link, "opened");
            wake(&state, arguments, environment, &message, become);
            return SESSION_FAILED_EXIT;
        }
    }
}
