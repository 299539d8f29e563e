/* What the keeper prints: its own lines, on standard error, each in one write (agent/output.py). */
#ifndef SAY_H
#define SAY_H

/* Prints `holdfast: LINE`. A log that takes nothing holds us up for a second at most. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

#endif
