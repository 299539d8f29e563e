#define _GNU_SOURCE
#include "shells.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "environment.h"
#include "line.h"
#include "memory.h"
#include "words.h"

#define SHELL_WORDS 6   /* of ours in a command line: the name, -e, -c, TEXT or -s, -- */
#define PREFIX_BYTES 64 /* `. /proc/self/fd/N LINE;` */

char **shells_plain_line(const struct plan *plan)
{
    const char *words[SHELL_WORDS + 1] = {plan->shell == SHELL_SH ? "sh" : "bash"};
    size_t count = 1;
    char **rest = plan->command;
    if (plan->errexit)
        words[count++] = "-e";
    if (plan->text != NULL) {
        words[count++] = "-c";
        words[count++] = plan->text;
    } else if (strcmp(plan->command[0], "-") == 0) {
        rest++;
        if (*rest != NULL) {
            words[count++] = "-s";
            words[count++] = "--";
        }
    }
    return line_make(words, rest);
}

/* bash */

bool shells_is_bash(const char *name)
{
    return strcmp(base_name(name), "bash") == 0;
}

static bool is_in(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static bool is_end_of_options(const char *word)
{
    return strcmp(word, "-") == 0 || strcmp(word, "--") == 0;
}

/* What a command line of bash says of how it starts. */
struct bash_line {
    bool bears_hook;  /* it reads BASH_ENV, and runs a script by options that a hook can bear */
    bool reads_input; /* its script is on standard input */
    bool traces;      /* it may show commands from the start on: then it must not show ours */
};

/* Reads it as bash does: to its first word that is no option. Where no hook can be borne the rest
 * is not known. */
static struct bash_line understand(char *const *words)
{
    static const struct bash_line unbearable = {0};
    struct bash_line line = {.bears_hook = true};
    bool has_text = false, has_input = false;
    const char *script = NULL;
    while (*++words != NULL) {
        const char *word = *words;
        if (is_in(word, BASH_WORDS))
            continue;
        if (is_end_of_options(word) || (*word != '-' && *word != '+')) {
            script = is_end_of_options(word) ? words[1] : word;
            break;
        }
        const char *flags = word + 1;
        size_t length = strlen(flags);
        bool names_option = length > 0 && flags[length - 1] == 'o';
        if (length == 0 || strspn(flags, BASH_FLAGS "cs") < length - names_option)
            return unbearable;
        line.traces |= strchr(flags, 'x') != NULL;
        has_text |= strchr(flags, 'c') != NULL;
        has_input |= strchr(flags, 's') != NULL;
        if (!names_option)
            continue;
        if (*++words == NULL || is_in(*words, BASH_NOT_SET_OPTIONS))
            return unbearable;
        line.traces |= strcmp(*words, "xtrace") == 0;
    }
    line.reads_input = !has_text && (has_input || script == NULL);
    return line;
}

/* The hook is in BASH_ENV: nothing in the command line changes. */
bool shells_prepare_bash(struct launches *launches, const struct plan *plan)
{
    static const char *const odd[] = {"BASH_ENV", "POSIXLY_CORRECT", "POSIX_PEDANTIC", "SHELLOPTS"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (environment_get(plan->environment, odd[i]) != NULL)
            return false;
    struct bash_line line = understand(launches->plain.argv);
    if (!line.bears_hook)
        return true;
    if (line.reads_input && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
        return true; /* it is interactive */
    size_t count = plan->environment_count;
    launches->argument_room = sizeof BASH_ENV_ENTRY + NUMBER_BYTES;
    launches->argument = memory_take(launches->argument_room);
    launches->armed.environment = memory_take((count + 2) * sizeof *plan->environment);
    if (launches->argument == NULL || launches->armed.environment == NULL)
        return false;
    memcpy(launches->armed.environment, plan->environment, count * sizeof *plan->environment);
    launches->armed.environment[count] = launches->argument;
    launches->hook_template = line.traces ? HOOK_BASH_TRACED : HOOK_BASH;
    launches->failed_template = HOOK_BASH_FAILED;
    launches->armed.armed = true;
    return true;
}

/* sh */

/* Returns the text of a script's file; NULL where it cannot be an argument, or be read twice. */
static char *read_script(const char *path)
{
    struct stat status;
    int file = descriptors_open_regular(path, &status);
    if (file < 0)
        return NULL;
    size_t room = status.st_size < ARGUMENT_LIMIT ? (size_t)status.st_size + 1 : ARGUMENT_LIMIT;
    char *text = memory_take(room + 1);
    size_t length = 0;
    ssize_t count = text != NULL ? 1 : -1;
    while (count > 0 && length < room) {
        count = read(file, text + length, room - length);
        length += count > 0 ? (size_t)count : 0;
    }
    close(file);
    bool has_grown = length == room && room < ARGUMENT_LIMIT;
    if (count < 0 || has_grown || memchr(text, '\0', length) != NULL)
        return NULL;
    return text; /* what follows is zero */
}

/* What stands behind the hook for a script in a file. False where sh is started plain. */
static bool prepare_sh_file(struct launches *launches, const struct plan *plan)
{
    char path[PATH_MAX], program[PATH_MAX];
    const char *file = plan->command[0];
    if (strcmp(file, "-") == 0)
        return false;
    if (!line_find_program(path, "sh", plan) || realpath(path, program) == NULL)
        *program = '\0';
    if (shells_is_bash(program))
        return false;
    if (strcmp(base_name(program), "dash") == 0) /* would name a sourced file twice */
        launches->script = read_script(file);
    if (launches->script == NULL) {
        /* `.` looks for a name without a slash in PATH, where sh itself takes the file here. */
        launches->first_line = "1";
        launches->script = strchr(file, '/') != NULL ? ". \"$0\"" : ". \"./$0\"";
    }
    return true;
}

bool shells_prepare_sh(struct launches *launches, const struct plan *plan)
{
    if (environment_get(plan->environment, "SHELLOPTS") != NULL)
        return false;
    launches->first_line = "$LINENO";
    launches->script = plan->text;
    if (plan->text == NULL && !prepare_sh_file(launches, plan))
        return true;
    launches->argument_room = strlen(launches->script) + PREFIX_BYTES;
    launches->argument = memory_take(launches->argument_room);
    const char *words[SHELL_WORDS + 1] = {"sh"};
    size_t count = 1;
    if (plan->errexit)
        words[count++] = "-e";
    words[count++] = "-c";
    words[count] = launches->argument;
    launches->armed.argv = line_make(words, plan->command);
    if (launches->argument == NULL || launches->armed.argv == NULL)
        return false;
    launches->hook_template = HOOK_SH;
    launches->failed_template = HOOK_SH_FAILED;
    launches->armed.armed = true;
    return true;
}
