#define _GNU_SOURCE
#include "arm.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environment.h"
#include "words.h"

#define NUMBER_BYTES 12   /* a descriptor's number in a text */
#define MOST_PLACES 16    /* for numbers in one hook */
#define SHELL_WORDS 6     /* of ours in a shell's command line: its name, -e, -c, TEXT or -s, -- */
#define PREFIX_BYTES 64   /* `. /proc/self/fd/N LINE;` */
#define BASH_ENV_ENTRY "BASH_ENV=/proc/self/fd/%d"

/* Returns a command line that begins with ours, with a slot in front (arm.h), or NULL. */
static char **make_line(const char *const *first, char *const *rest)
{
    size_t first_count = count_words((char *const *)first), rest_count = count_words(rest);
    char **line = calloc(first_count + rest_count + 2, sizeof *line);
    if (line == NULL)
        return NULL;
    line++;
    memcpy(line, first, first_count * sizeof *line);
    memcpy(line + first_count, rest, rest_count * sizeof *line);
    return line;
}

/* Looks for a program as PATH has it. Writes its path; false if there is none. */
static bool find_in_path(char path[PATH_MAX], const char *name, const struct plan *plan)
{
    const char *folders = environment_get(plan->environment, "PATH");
    if (folders == NULL)
        folders = DEFAULT_PATH;
    for (;;) {
        size_t length = strcspn(folders, ":");
        int written = snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, folders,
                               length > 0 ? "/" : "./", name);
        if (written < PATH_MAX && access(path, X_OK) == 0)
            return true;
        if (folders[length] == '\0')
            return false;
        folders += length + 1;
    }
}

static const char *python_name(const struct plan *plan)
{
    char path[PATH_MAX];
    if (!find_in_path(path, "python3", plan) && find_in_path(path, "python", plan))
        return "python";
    return "python3";
}

static char **plain_shell_line(const struct plan *plan)
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
    return make_line(words, rest);
}

static char **plain_python_line(const struct plan *plan)
{
    const char *words[] = {python_name(plan), plan->text != NULL ? "-c" : NULL, plan->text, NULL};
    return make_line(words, plan->command);
}

static bool prepare_plain(struct launches *launches, const struct plan *plan)
{
    char **line = plan->command;
    if (plan->shell == SHELL_PYTHON)
        line = plain_python_line(plan);
    else if (plan->shell != SHELL_NONE)
        line = plain_shell_line(plan);
    launches->plain = (struct launch){
        .argv = line,
        .environment = plan->environment,
        .grace_ms = GRACE_MS,
    };
    launches->armed = launches->plain;
    return line != NULL;
}

/* bash */

static bool is_bash(const char *name)
{
    const char *slash = strrchr(name, '/');
    return strcmp(slash != NULL ? slash + 1 : name, "bash") == 0;
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

/* Tells whether this command line of bash reads BASH_ENV, and runs a script by options that a hook
 * can bear. */
static bool reads_bash_env(char *const *words)
{
    while (*++words != NULL) {
        const char *word = *words;
        if (is_in(word, BASH_WORDS))
            continue;
        if ((*word != '-' && *word != '+') || is_end_of_options(word))
            return true;
        const char *flags = word + 1;
        size_t length = strlen(flags);
        if (length > 0 && flags[length - 1] == 'o' && strspn(flags, BASH_FLAGS) >= length - 1) {
            if (words[1] == NULL || is_in(*++words, BASH_NOT_SET_OPTIONS))
                return false;
        } else if (length == 0 || strspn(flags, BASH_FLAGS "cs") < length) {
            return false;
        } else if (strchr(flags, 'c') != NULL) {
            return true;
        }
    }
    return true;
}

/* Tells whether a command line of bash that reads BASH_ENV has its script on standard input. */
static bool reads_input(char *const *words)
{
    while (*++words != NULL) {
        const char *word = *words;
        if (is_end_of_options(word))
            return words[1] == NULL;
        if (*word != '-' && *word != '+')
            return false;
        if (is_in(word, BASH_WORDS))
            continue;
        if (strchr(word, 'c') != NULL)
            return false;
        if (strchr(word, 's') != NULL)
            return true;
        if (word[strlen(word) - 1] == 'o' && *++words == NULL)
            break;
    }
    return true;
}

/* The hook is in BASH_ENV: nothing in the command line changes. */
static bool prepare_bash(struct launches *launches, const struct plan *plan)
{
    static const char *const odd[] = {"BASH_ENV", "POSIXLY_CORRECT", "POSIX_PEDANTIC", "SHELLOPTS"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (environment_get(plan->environment, odd[i]) != NULL)
            return false;
    char **line = launches->plain.argv;
    if (!reads_bash_env(line))
        return true;
    if (reads_input(line) && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
        return true; /* it is interactive */
    size_t count = plan->environment_count;
    launches->argument_room = sizeof BASH_ENV_ENTRY + NUMBER_BYTES;
    launches->argument = malloc(launches->argument_room);
    launches->armed.environment = calloc(count + 2, sizeof *plan->environment);
    if (launches->argument == NULL || launches->armed.environment == NULL)
        return false;
    memcpy(launches->armed.environment, plan->environment, count * sizeof *plan->environment);
    launches->armed.environment[count] = launches->argument;
    launches->hook_template = HOOK_BASH;
    launches->failed_template = HOOK_BASH_FAILED;
    launches->armed.armed = true;
    return true;
}

/* sh */

/* Returns the text of a script's file; NULL where it cannot be an argument, or be read twice. */
static char *read_script(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    char *text = malloc(ARGUMENT_LIMIT + 1);
    size_t length = 0;
    ssize_t count = text != NULL ? 1 : -1;
    while (count > 0 && length < ARGUMENT_LIMIT) {
        count = read(file, text + length, ARGUMENT_LIMIT - length);
        length += count > 0 ? (size_t)count : 0;
    }
    close(file);
    if (count < 0 || memchr(text, '\0', length) != NULL) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

/* What stands behind the hook for a script in a file. False where sh is started plain. */
static bool prepare_sh_file(struct launches *launches, const struct plan *plan)
{
    char path[PATH_MAX], program[PATH_MAX];
    const char *file = plan->command[0];
    if (strcmp(file, "-") == 0)
        return false;
    if (!find_in_path(path, "sh", plan) || realpath(path, program) == NULL)
        *program = '\0';
    if (is_bash(program))
        return false;
    const char *slash = strrchr(program, '/');
    if (slash != NULL && strcmp(slash, "/dash") == 0) /* would name a sourced file twice */
        launches->script = read_script(file);
    if (launches->script == NULL) {
        /* `.` looks for a name without a slash in PATH, where sh itself takes the file here. */
        launches->first_line = "1";
        launches->script = strchr(file, '/') != NULL ? ". \"$0\"" : ". \"./$0\"";
    }
    return true;
}

static bool prepare_sh(struct launches *launches, const struct plan *plan)
{
    if (environment_get(plan->environment, "SHELLOPTS") != NULL)
        return false;
    launches->first_line = "$LINENO";
    launches->script = plan->text;
    if (plan->text == NULL && !prepare_sh_file(launches, plan))
        return true;
    launches->argument_room = strlen(launches->script) + PREFIX_BYTES;
    launches->argument = malloc(launches->argument_room);
    const char *words[SHELL_WORDS + 1] = {"sh"};
    size_t count = 1;
    if (plan->errexit)
        words[count++] = "-e";
    words[count++] = "-c";
    words[count] = launches->argument;
    launches->armed.argv = make_line(words, plan->command);
    if (launches->argument == NULL || launches->armed.argv == NULL)
        return false;
    launches->hook_template = HOOK_SH;
    launches->failed_template = HOOK_SH_FAILED;
    launches->armed.armed = true;
    return true;
}

/* Python */

/* Tells whether an archive's last record is in the end of a file. */
static bool has_zip_end(int file, off_t size)
{
    static const char sign[] = {'P', 'K', 5, 6};
    char *tail = malloc(ZIP_TAIL_BYTES);
    off_t start = size > ZIP_TAIL_BYTES ? size - ZIP_TAIL_BYTES : 0;
    ssize_t length = tail != NULL ? pread(file, tail, ZIP_TAIL_BYTES, start) : -1;
    bool found = length < 0 || memmem(tail, (size_t)length, sign, sizeof sign) != NULL;
    free(tail);
    return found;
}

/* Tells whether the interpreter finds one text there: no archive, folder, compiled file, named
 * pipe, terminal. */
static bool is_python_text(const char *name)
{
    struct stat status;
    char head[4] = "";
    if (*name == '-') /* others are the interpreter's own options */
        return strcmp(name, "-") == 0 && !isatty(STDIN_FILENO);
    if (stat(name, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool is_text = pread(file, head, sizeof head, 0) >= 0 &&
                   memcmp(head + 2, "\r\n", 2) != 0 && !has_zip_end(file, status.st_size);
    close(file);
    return is_text;
}

static bool prepare_python(struct launches *launches, const struct plan *plan)
{
    const char *inspect = environment_get(plan->environment, "PYTHONINSPECT");
    if (inspect != NULL && *inspect != '\0')
        return false;
    if (plan->text == NULL && !is_python_text(plan->command[0]))
        return true;
    launches->argument_room = BOOT_PYTHON.length + MOST_PLACES * NUMBER_BYTES;
    launches->argument = malloc(launches->argument_room);
    const char *words[] = {launches->plain.argv[0], "-c", launches->argument, NULL};
    launches->armed.argv = make_line(words, launches->plain.argv + 1);
    if (launches->argument == NULL || launches->armed.argv == NULL)
        return false;
    launches->boot_template = BOOT_PYTHON;
    launches->hook_template = HOOK_PYTHON;
    launches->armed.grace_ms = PYTHON_GRACE_MS;
    launches->armed.armed = true;
    return true;
}

/* All */

static bool make_room(struct bytes *text, const struct bytes *template)
{
    size_t room = template->length + MOST_PLACES * NUMBER_BYTES;
    *text = (struct bytes){malloc(room), room};
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
        is_known = prepare_python(launches, plan);
    else if (plan->shell == SHELL_SH)
        is_known = prepare_sh(launches, plan);
    else if (plan->shell == SHELL_BASH || is_bash(plan->command[0]))
        is_known = prepare_bash(launches, plan);
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
