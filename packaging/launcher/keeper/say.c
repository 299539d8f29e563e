#define _GNU_SOURCE
#include "say.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "tables.h"

#define PREFIX "holdfast: "
#define PREFIX_BYTES (sizeof PREFIX - 1)

void say(const char *format, ...)
{
    char line[LINE_LIMIT + 1] = PREFIX; /* room for the line's end */
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line + PREFIX_BYTES, LINE_LIMIT - PREFIX_BYTES, format, values);
    va_end(values);
    if (length < 0)
        return;
    size_t end = PREFIX_BYTES + (size_t)length;
    if (end >= LINE_LIMIT)
        end = LINE_LIMIT - 1;
    line[end++] = '\n';
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&log, 1, LINE_PATIENCE_MS) > 0 && write(STDERR_FILENO, line, end) < 0)
        return; /* a log that is gone must not change a verdict */
}
