/* The messages between the keeper and the session process: agent/link.py is the contract. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tables.h"

#define MESSAGE_WORDS 4

struct message {
    char text[LINK_LIMIT + 1];
    const char *words[MESSAGE_WORDS]; /* NULL from the first that is not there */
};

/* Makes a link, both ends close-on-exec: the keeper's and the session process'. */
bool link_make(int ends[2]);

/* Sends one message; false if the other end is gone. */
__attribute__((format(printf, 2, 3))) bool link_send(int end, const char *format, ...);

/* Receives one message; false if the other end is gone. */
bool link_receive(int end, struct message *message);

/* Takes a look at one, which stays to be received. */
bool link_peek(int end, struct message *message);

/* Returns the pid of a message `step`; 0 for any other. */
pid_t message_step(const struct message *message);

bool message_is(const struct message *message, const char *word);

#endif
