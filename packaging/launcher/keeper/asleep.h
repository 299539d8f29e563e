/* The session process as it sleeps, in memory of its own, until a session opens: then it becomes
 * Python. */
#ifndef ASLEEP_H
#define ASLEEP_H

#include <stdbool.h>

/* Becomes the agent in Python, for a program that was started by a path; returns where that cannot
 * be. */
typedef void become_python(const char *started, char **arguments, char **environment);

#define ASLEEP_COMMAND "_asleep"
#define SESSION_COMMAND "_session" /* of the agent in Python (agent/session/woken.py) */

/* What a session process is told on its command line, of both programs. -1 in place of a number:
 * there is none. */
enum {
    WORD_PROGRAM,
    WORD_COMMAND,
    WORD_LINK, /* numbers from here */
    WORD_REPORTS,
    WORD_ANSWERS,
    WORD_REPORT_NUMBER,
    WORD_ANSWERS_NUMBER,
    WORD_TEXT_NUMBER,
    WORD_INODE,
    WORD_TOKEN,
    WORD_STEP, /* 0: none yet */
    WORD_STATE, /* to here; for Python the words of the message `open` follow */
    WORD_STARTED = WORD_STATE, /* asleep the path by which the keeper was started */
    WORD_SEPARATOR, /* and behind it what followed `agent run` */
    WORDS_BEFORE,
};

#define NUMBER_WORDS (WORD_STATE - WORD_LINK)
#define WORD_BYTES 24 /* of a number in decimal */

#define SEPARATOR "--"

/* Tells whether a command line is that of a session process. */
bool asleep_is_meant(int count, char *const *arguments);

/* Sleeps until a session opens, and returns if Python cannot be become; with what to exit. */
int asleep_main(char **arguments, char **environment, become_python *become);

#endif
