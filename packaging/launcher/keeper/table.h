/* The shapes of what generate.py writes. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* How the value of an option is read: the parsers of agent/values.py. */
enum value_kind {
    VALUE_RELAY_URL,
    VALUE_PATH,
    VALUE_ADDRESS,
    VALUE_WHEN,
    VALUE_SWITCH,
    VALUE_DURATION,
    VALUE_LABEL,
    VALUE_SHELL,
};

#define VARIABLES 3 /* of an option at most, and NULL */

/* One row of the table in agent/options.py. */
struct option {
    const char *name;
    enum value_kind kind;
    bool is_switch; /* takes no value */
    const char *variables[VARIABLES];
    const char *standard; /* the default, or NULL */
};

struct error_text {
    int number;
    const char *text;
};

struct bytes {
    const char *start;
    size_t length;
};

#endif
