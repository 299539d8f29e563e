#define _GNU_SOURCE
#include "plain.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tables.h"

#define DIGITS "0123456789"
#define DURATION_DIGITS 8
#define PORT_DIGITS 5
#define HIGHEST_PORT 65535

bool plain_is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

bool plain_switch(const char *text, bool *on)
{
    *on = plain_is_one_of(text, SWITCHED_ON);
    return *on || plain_is_one_of(text, SWITCHED_OFF);
}

/* `1h30m`: units in this order, each at most once. */
bool plain_duration(const char *text, long *seconds)
{
    static const struct {
        char unit;
        long factor;
    } units[] = {{'h', 3600}, {'m', 60}, {'s', 1}};
    *seconds = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units && *text != '\0'; i++) {
        size_t digits = strspn(text, DIGITS);
        if (digits == 0 || digits > DURATION_DIGITS)
            return false;
        if (text[digits] == units[i].unit) {
            *seconds += strtol(text, NULL, 10) * units[i].factor;
            text += digits + 1;
        }
    }
    return *text == '\0' && *seconds >= 1 && *seconds <= LONGEST_SECONDS;
}

static bool is_letter_or_digit(char letter)
{
    return isascii(letter) && isalnum((unsigned char)letter);
}

/* Labels between dots, each begins with a letter or a digit. */
static bool is_host(const char *text, size_t length)
{
    size_t label = 0;
    for (size_t i = 0; i < length; i++) {
        if (label == 0 ? !is_letter_or_digit(text[i])
                       : !is_letter_or_digit(text[i]) && strchr("-.", text[i]) == NULL)
            return false;
        label = text[i] == '.' ? 0 : label + 1;
        if (label > HOST_LABEL_LIMIT)
            return false;
    }
    return length <= HOST_LIMIT && label > 0;
}

static bool is_port(const char *text, size_t length, long least)
{
    if (length == 0 || length > PORT_DIGITS || strspn(text, DIGITS) < length)
        return false;
    long port = strtol(text, NULL, 10);
    return port >= least && port <= HIGHEST_PORT;
}

static bool skip(const char **text, const char *prefix)
{
    size_t length = strlen(prefix);
    bool is_there = strncmp(*text, prefix, length) == 0;
    if (is_there)
        *text += length;
    return is_there;
}

/* `ws://HOST`, `wss://HOST:PORT/PATH` of letters that nobody has to think about. */
bool plain_relay_url(const char *text)
{
    const char *rest = text;
    if (strlen(text) > URL_LIMIT || !(skip(&rest, "ws://") || skip(&rest, "wss://")))
        return false;
    size_t place = strcspn(rest, "/"), host = strcspn(rest, ":/");
    if (!is_host(rest, host))
        return false;
    if (host < place && !is_port(rest + host + 1, place - host - 1, 1))
        return false;
    for (const char *path = rest + place; *path != '\0'; path++)
        if (!is_letter_or_digit(*path) && strchr("/-._~", *path) == NULL)
            return false;
    return true;
}

/* An address that only this machine reaches, and a port. */
bool plain_loopback(const char *text)
{
    return (skip(&text, "127.0.0.1:") || skip(&text, "localhost:")) &&
           is_port(text, strlen(text), 0);
}

static bool is_made_of(const char *text, size_t limit, char first)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (text[i] < first || text[i] > '~')
            return false;
    return length <= limit;
}

bool plain_label(const char *text)
{
    return is_made_of(text, LABEL_LIMIT, ' ');
}

bool plain_token(const char *text)
{
    return *text != '\0' && is_made_of(text, TOKEN_LIMIT, '!');
}

bool plain_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode) && access(path, R_OK) == 0;
}
