#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool link_make(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

bool link_send(int end, const char *format, ...)
{
    char text[LINK_LIMIT];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (length <= 0 || length >= (int)sizeof text)
        return false;
    ssize_t sent;
    do
        sent = send(end, text, (size_t)length, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == length;
}

static bool receive(int end, struct message *message, int flags)
{
    ssize_t length;
    do
        length = recv(end, message->text, LINK_LIMIT, flags);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
        return false;
    message->text[length] = '\0';
    char *rest = message->text;
    for (size_t i = 0; i < MESSAGE_WORDS; i++)
        message->words[i] = rest != NULL ? strsep(&rest, " ") : NULL;
    return true;
}

bool link_receive(int end, struct message *message)
{
    return receive(end, message, 0);
}

bool link_peek(int end, struct message *message)
{
    return receive(end, message, MSG_PEEK);
}

bool message_is(const struct message *message, const char *word)
{
    return strcmp(message->words[0], word) == 0;
}

pid_t message_step(const struct message *message)
{
    return message_is(message, "step") && message->words[1] != NULL ? atoi(message->words[1]) : 0;
}
