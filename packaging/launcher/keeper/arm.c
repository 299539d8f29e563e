#include "arm.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "python.h"
#include "shells.h"

static bool prepare_plain(struct launches *launches, const struct plan *plan)
{
    char **line = plan->command;
    if (plan->shell == SHELL_PYTHON)
        line = python_plain_line(plan);
    else if (plan->shell != SHELL_NONE)
        line = shells_plain_line(plan);
    launches->plain = (struct launch){
        .argv = line,
        .environment = plan->environment,
        .grace_ms = GRACE_MS,
    };
    launches->armed = launches->plain;
    return line != NULL;
}

static bool make_room(struct bytes *text, const struct bytes *template)
{
    size_t room = template->length + MOST_PLACES * NUMBER_BYTES;
    *text = (struct bytes){memory_take(room), room};
    return text->start != NULL;
}

static bool prepare_hook(struct launches *launches)
{
    struct launch *armed = &launches->armed;
    return make_room(&armed->hook, &launches->hook_template) &&
           make_room(&armed->failed, &launches->failed_template);
}

bool arm_prepare(struct launches *launches, const struct plan *plan)
{
    *launches = (struct launches){0};
    if (!prepare_plain(launches, plan))
        return false;
    if (plan->never)
        return true;
    bool is_known = true;
    if (plan->shell == SHELL_PYTHON)
        is_known = python_prepare(launches, plan);
    else if (plan->shell == SHELL_SH)
        is_known = shells_prepare_sh(launches, plan);
    else if (plan->shell == SHELL_BASH || shells_is_bash(plan->command[0]))
        is_known = shells_prepare_bash(launches, plan);
    return is_known && (!launches->armed.armed || prepare_hook(launches));
}

/* Copies a text with the numbers in their places; returns its length, or 0 if there is no room. */
static size_t fill_in(char *target, size_t room, const struct bytes *text,
                      const struct numbers *numbers)
{
    const struct {
        const char *place;
        int number;
    } places[] = {
        {"@REPORT@", numbers->report},
        {"@ANSWERS@", numbers->answers},
        {"@TEXT@", numbers->text},
    };
    size_t at = 0;
    for (size_t i = 0; i < text->length;) {
        size_t skipped = 0;
        for (size_t k = 0; text->start[i] == '@' && k < sizeof places / sizeof *places; k++) {
            size_t length = strlen(places[k].place);
            if (length > text->length - i || memcmp(text->start + i, places[k].place, length) != 0)
                continue;
            at += (size_t)snprintf(target + at, room - at, "%d", places[k].number);
            skipped = length;
        }
        if (at + 1 >= room)
            return 0;
        if (skipped == 0)
            target[at++] = text->start[i++];
        i += skipped;
    }
    return at;
}

static bool fill_in_bytes(struct bytes *target, const struct bytes *text,
                          const struct numbers *numbers)
{
    target->length = fill_in((char *)target->start, target->length, text, numbers);
    return target->length > 0;
}

void arm_number(struct launches *launches, const struct numbers *numbers)
{
    struct launch *armed = &launches->armed;
    if (!armed->armed)
        return;
    fill_in_bytes(&armed->failed, &launches->failed_template, numbers);
    bool fits = fill_in_bytes(&armed->hook, &launches->hook_template, numbers);
    if (launches->boot_template.length > 0) {
        size_t length = fill_in(launches->argument, launches->argument_room,
                                &launches->boot_template, numbers);
        fits = fits && length > 0;
        launches->argument[length] = '\0';
    } else if (launches->script != NULL) {
        int written = snprintf(launches->argument, launches->argument_room,
                               ". /proc/self/fd/%d %s;%s", numbers->text, launches->first_line,
                               launches->script);
        fits = fits && written < (int)launches->argument_room && written < ARGUMENT_LIMIT;
    } else {
        snprintf(launches->argument, launches->argument_room, BASH_ENV_ENTRY, numbers->text);
    }
    if (!fits)
        *armed = launches->plain;
}
