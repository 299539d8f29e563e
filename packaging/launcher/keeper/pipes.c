#define _GNU_SOURCE
#include "pipes.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBERS 3
#define REPORT_START "code="
#define REPORT_BYTES 9 /* code=NNN and a NUL */
#define HIGHEST_CODE 255

/* Finds up to `wanted` free numbers, the highest below the soft limit on open files. */
static int find_free(int found[NUMBERS], int wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    int top = limit.rlim_cur > HIGHEST_NUMBER ? HIGHEST_NUMBER : (int)limit.rlim_cur - 1;
    int count = 0;
    for (int i = 0; i <= NUMBER_TRIES && top - i >= LOWEST_NUMBER && count < wanted; i++)
        if (fcntl(top - i, F_GETFD) < 0)
            found[count++] = top - i;
    return count;
}

static bool open_pipes(struct pipes *pipes, bool has_answers)
{
    int reports[2], answers[2] = {-1, -1};
    struct stat status;
    if (pipe2(reports, O_CLOEXEC) != 0)
        return false;
    if (has_answers && pipe2(answers, O_CLOEXEC) != 0) {
        close(reports[0]);
        close(reports[1]);
        return false;
    }
    pipes->reports = reports[0];
    pipes->step_reports = reports[1];
    pipes->step_answers = answers[0];
    pipes->answers = answers[1];
    pipes->inode = fstat(reports[0], &status) == 0 ? status.st_ino : 0;
    return true;
}

bool pipes_make(struct pipes *pipes, bool has_hook)
{
    int found[NUMBERS];
    int count = find_free(found, has_hook ? NUMBERS : 1);
    *pipes = (struct pipes){.reports = -1, .answers = -1, .step_reports = -1, .step_answers = -1};
    if (count == 0 || !open_pipes(pipes, count == NUMBERS))
        return false;
    pipes->mark = found[0];
    pipes->has_numbers = count == NUMBERS;
    if (pipes->has_numbers)
        pipes->numbers = (struct numbers){found[0], found[1], found[2]};
    return true;
}

/* Returns a descriptor from which a text can be read to its end; -1 if a pipe cannot hold it: Linux
 * gives only 8 KiB to a user who has very many. */
static int open_filled(const struct bytes *text)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    bool fits = write(ends[1], text->start, text->length) == (ssize_t)text->length;
    close(ends[1]);
    if (fits && fcntl(ends[0], F_SETFL, 0) == 0)
        return ends[0];
    close(ends[0]);
    return -1;
}

bool pipes_hand_over(const struct pipes *pipes, const struct launch *launch)
{
    dup2(pipes->step_reports, pipes->mark);
    if (!launch->armed)
        return true;
    int text = open_filled(&launch->hook);
    if (text < 0)
        return false;
    bool is_done = dup2(text, pipes->numbers.text) >= 0 &&
                   dup2(pipes->step_answers, pipes->numbers.answers) >= 0;
    close(text);
    size_t length = launch->failed.length; /* less than any pipe holds */
    return is_done && write(pipes->answers, launch->failed.start, length) == (ssize_t)length;
}

int pipes_read_report(const struct pipes *pipes)
{
    char report[REPORT_BYTES];
    const size_t start = strlen(REPORT_START);
    if (read(pipes->reports, report, sizeof report) != REPORT_BYTES ||
        memcmp(report, REPORT_START, start) != 0 || report[REPORT_BYTES - 1] != '\0')
        return 0;
    for (size_t i = start; i < REPORT_BYTES - 1; i++)
        if (!isdigit((unsigned char)report[i]))
            return 0;
    int code = atoi(report + start);
    return code <= HIGHEST_CODE ? code : 0;
}

void pipes_release(struct pipes *pipes)
{
    if (pipes->answers >= 0)
        close(pipes->answers);
    pipes->answers = -1;
}
