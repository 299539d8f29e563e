#define _GNU_SOURCE
#include "plan.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "environment.h"
#include "memory.h"
#include "plain.h"
#include "words.h"

#define TOKEN_FILE_BYTES 1024 /* a token, and what is blank around it */

static int find_option(const char *word, size_t length)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strncmp(OPTIONS[i].name, word, length) == 0 && OPTIONS[i].name[length] == '\0')
            return i;
    return -1;
}

/* Tells options from what is to be run, as agent/options.py does. */
static bool take_apart(struct plan *plan, char **words)
{
    while (*words != NULL && **words == '-' && strcmp(*words, "-") != 0) {
        char *word = *words++;
        if (strcmp(word, "--") == 0)
            break;
        if (strcmp(word, "-c") == 0) {
            plan->text = *words;
            plan->command = words + 1;
            return plan->given[OPTION_SHELL] != NULL && *words != NULL;
        }
        size_t length = strcspn(word, "=");
        int option = find_option(word, length);
        if (option < 0)
            return false;
        const char *value = "1";
        if (word[length] == '=')
            value = word + length + 1;
        else if (!OPTIONS[option].is_switch && (value = *words++) == NULL)
            return false;
        plan->given[option] = value;
    }
    plan->text = NULL;
    plan->command = words;
    return *words != NULL;
}

/* Returns an option's value from the command line, the environment or the default; NULL without.
 * A variable that is empty counts as not set. */
static const char *value_of(const struct plan *plan, char *const *environment, int option)
{
    if (plan->given[option] != NULL)
        return plan->given[option];
    for (const char *const *name = OPTIONS[option].variables; *name != NULL; name++) {
        const char *value = environment_get(environment, *name);
        if (value != NULL && *value != '\0')
            return value;
    }
    return OPTIONS[option].standard;
}

/* The numbers of the durations, in the order of the table; 0: none. */
struct values {
    const char *texts[OPTION_COUNT];
    long seconds[OPTION_COUNT];
    bool on[OPTION_COUNT];
};

static bool is_plain(struct values *values, int option)
{
    static const char *const whens[] = {"failure", "always", "never", "debug"};
    static const char *const shells[] = {"bash", "sh", "python"};
    const char *text = values->texts[option];
    switch (OPTIONS[option].kind) {
    case VALUE_RELAY_URL: return plain_relay_url(text);
    case VALUE_PATH: return *text != '\0';
    case VALUE_ADDRESS: return plain_loopback(text);
    case VALUE_SWITCH: return plain_switch(text, &values->on[option]);
    case VALUE_DURATION: return plain_duration(text, &values->seconds[option]);
    case VALUE_LABEL: return plain_label(text);
    case VALUE_WHEN:
        for (size_t i = 0; i < sizeof whens / sizeof *whens; i++)
            if (strcmp(text, whens[i]) == 0)
                return true;
        return false;
    case VALUE_SHELL:
        for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
            if (strcmp(text, shells[i]) == 0)
                return true;
        return false;
    }
    return false;
}

static bool read_values(struct values *values, const struct plan *plan, char *const *environment)
{
    for (int option = 0; option < OPTION_COUNT; option++) {
        values->texts[option] = value_of(plan, environment, option);
        if (values->texts[option] != NULL && !is_plain(values, option))
            return false;
    }
    return true;
}

static bool is_among(const char *text, const char *const *words)
{
    return text != NULL && plain_is_one_of(text, words);
}

static bool is_debugging_asked(char *const *environment)
{
    for (const char *const *name = DEBUG_SWITCHES; *name != NULL; name++)
        if (is_among(environment_get(environment, *name), SWITCHED_ON))
            return true;
    return false;
}

static void decide_when(struct plan *plan, const char *when, char *const *environment)
{
    plan->always = strcmp(when, "always") == 0;
    plan->never = strcmp(when, "never") == 0 ||
                  is_among(environment_get(environment, "HOLDFAST_DEBUG"), DEBUGGING_OFF) ||
                  (strcmp(when, "debug") == 0 && !is_debugging_asked(environment));
}

static enum shell shell_of(const char *name)
{
    if (name == NULL)
        return SHELL_NONE;
    if (strcmp(name, "python") == 0)
        return SHELL_PYTHON;
    return strcmp(name, "sh") == 0 ? SHELL_SH : SHELL_BASH;
}

/* What is rare, or needs more than is known here. */
static bool is_rare(const struct plan *plan, const struct values *values, char *const *environment)
{
    const char *authorities = environment_get(environment, "HOLDFAST_CA_FILE");
    return values->on[OPTION_STANDBY] || values->on[OPTION_DEPLOY] ||
           values->texts[OPTION_AUTHORIZED_KEYS] != NULL ||
           plan->given[OPTION_CA_FILE] != NULL || (authorities != NULL && *authorities != '\0');
}

/* Copies a token without what is blank around it. */
static bool take_token(struct plan *plan, char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    if (!plain_token(text))
        return false;
    memcpy(plan->token, text, length + 1);
    return true;
}

/* Takes the token from a regular file. */
static bool read_token(struct plan *plan, const char *path)
{
    char text[TOKEN_FILE_BYTES + 1];
    struct stat status;
    int file = descriptors_open_regular(path, &status);
    if (file < 0)
        return false;
    ssize_t length = read(file, text, sizeof text);
    close(file);
    bool is_whole = length >= 0 && length < (ssize_t)sizeof text;
    if (is_whole)
        text[length] = '\0';
    bool is_taken = is_whole && strlen(text) == (size_t)length && take_token(plan, text);
    explicit_bzero(text, sizeof text);
    return is_taken;
}

/* From the file that an option names, the variable, or the file that a variable names. */
static bool find_token(struct plan *plan, char *const *environment)
{
    const char *direct = environment_get(environment, "HOLDFAST_TOKEN");
    const char *file = value_of(plan, environment, OPTION_TOKEN_FILE);
    bool is_named = plan->given[OPTION_TOKEN_FILE] != NULL;
    if (is_named || direct == NULL || *direct == '\0')
        return file == NULL || (*file != '\0' && read_token(plan, file));
    if (!plain_token(direct))
        return false;
    strcpy(plan->token, direct);
    return true;
}

static bool decide_times(struct plan *plan, const struct values *values)
{
    long timeout = values->seconds[OPTION_TIMEOUT];
    plan->max_timeout = values->seconds[OPTION_MAX_TIMEOUT];
    if (plan->max_timeout == 0)
        plan->max_timeout = timeout > DEFAULT_MAX_TIMEOUT ? timeout : DEFAULT_MAX_TIMEOUT;
    plan->linger = values->seconds[OPTION_LINGER];
    plan->step_timeout = values->seconds[OPTION_STEP_TIMEOUT];
    return timeout <= plan->max_timeout;
}

static bool copy_environment(struct plan *plan, char *const *environment)
{
    plan->environment = memory_take((count_words(environment) + 2) * sizeof *plan->environment);
    if (plan->environment == NULL)
        return false;
    plan->environment_count = environment_copy(plan->environment, environment);
    return true;
}

bool plan_begin(struct plan *plan, char **words, char *const *environment)
{
    *plan = (struct plan){.words = words};
    if (!take_apart(plan, words))
        return false;
    decide_when(plan, value_of(plan, environment, OPTION_WHEN), environment);
    return plan->never || find_token(plan, environment);
}

bool plan_complete(struct plan *plan, char *const *environment)
{
    struct values values = {{NULL}, {0}, {false}};
    if (!read_values(&values, plan, environment) || is_rare(plan, &values, environment) ||
        !decide_times(plan, &values))
        return false;
    plan->shell = shell_of(values.texts[OPTION_SHELL]);
    plan->errexit = values.on[OPTION_ERREXIT];
    if (plan->errexit && (plan->shell == SHELL_NONE || plan->shell == SHELL_PYTHON))
        return false;
    if (!plan->never) {
        if (plan->step_timeout != 0 && plan->step_timeout <= STEP_TIMEOUT_MARGIN)
            return false;
        if (plan->shell != SHELL_NONE && plan->text == NULL &&
            strcmp(plan->command[0], "-") != 0 && !plain_file(plan->command[0]))
            return false;
    }
    return copy_environment(plan, environment);
}
