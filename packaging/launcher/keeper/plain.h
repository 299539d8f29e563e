/* Is a word of the command line, or of the environment, plainly right? Never more than
 * agent/values.py takes, and often less: the rest is left to Python to explain. */
#ifndef PLAIN_H
#define PLAIN_H

#include <stdbool.h>

bool plain_duration(const char *text, long *seconds);
bool plain_relay_url(const char *text);
bool plain_loopback(const char *text);
bool plain_label(const char *text);
bool plain_token(const char *text);
bool plain_switch(const char *text, bool *on);

/* A file that is there and can be read; looked at without opening, for it may be a pipe. */
bool plain_file(const char *path);

/* Tells whether a text is one of a list's words, in any case of letters. */
bool plain_is_one_of(const char *text, const char *const *words);

#endif
