/* How the step is started: plain, or with our hook in its interpreter (agent/keeper/hooks). */
#ifndef ARM_H
#define ARM_H

#include <stdbool.h>

#include "plan.h"

#define NUMBER_BYTES 12 /* a descriptor's number in a text */
#define MOST_PLACES 16  /* for numbers in one hook */
#define BASH_ENV_ENTRY "BASH_ENV=/proc/self/fd/%d"

/* The numbers of the three descriptors that an armed step inherits (hooks/PROTOCOL.md). */
struct numbers {
    int report;
    int answers;
    int text;
};

/* One way to start the step. */
struct launch {
    char **argv; /* the slot before the first word may be written to */
    char **environment;
    struct bytes hook; /* what the interpreter reads from `numbers.text`, empty without */
    struct bytes failed; /* what it finds in the answers once the step has failed, empty without */
    bool armed;
    long grace_ms; /* that the interpreter has after its release */
};

struct launches {
    struct launch plain;
    struct launch armed;         /* the same as `plain` where there is no place for a hook */
    struct bytes hook_template;  /* the rest is what `arm_number` fills in */
    struct bytes failed_template;
    struct bytes boot_template;
    const char *script;          /* of sh: what stands behind the hook, or NULL */
    const char *first_line;
    char *argument;              /* room for the argument with the hook */
    size_t argument_room;
};

/* Finds out how the step is started, and takes all memory for it. False where only Python can. */
bool arm_prepare(struct launches *launches, const struct plan *plan);

/* Puts the descriptors' numbers into the armed launch. */
void arm_number(struct launches *launches, const struct numbers *numbers);

#endif
