/* Whatever this does, it does beside the keeper, and the step's process, in one memory: nothing is
 * allocated, nothing is written but our own stack, and no call is expected to fail, for `errno` is
 * one for all three. */
#define _GNU_SOURCE
#include "newborn.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "asleep.h"
#include "link.h"
#include "signals.h"
#include "words.h"

#define OURSELVES "/proc/self/exe" /* whatever has become of the file meanwhile */

static void keep_over_exec(int descriptor)
{
    if (descriptor >= 0)
        fcntl(descriptor, F_SETFD, 0);
}

/* Runs this program anew: that gives us memory of our own, at the price of a moment that only a
 * step pays which is not over at once. */
static noreturn void go_on(const struct sleeper *sleeper, const struct ends *ends)
{
    static const struct pipes none = {.reports = -1, .answers = -1};
    static const struct numbers nothing = {-1, -1, -1};
    const struct pipes *pipes = sleeper->pipes != NULL ? sleeper->pipes : &none;
    const struct numbers *numbers = pipes->has_numbers ? &pipes->numbers : &nothing;
    const long long values[NUMBER_WORDS] = {
        ends->link,      pipes->reports, pipes->answers,
        numbers->report, numbers->answers, numbers->text,
        (long long)pipes->inode, ends->token, *ends->step,
    };
    char *started = (char *)getauxval(AT_EXECFN);
    char texts[NUMBER_WORDS][WORD_BYTES];
    size_t count = count_words(sleeper->words);
    char **line = mmap(NULL, (WORDS_BEFORE + count + 1) * sizeof *line, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (line == MAP_FAILED)
        _exit(SESSION_FAILED_EXIT);
    line[WORD_PROGRAM] = (char *)sleeper->program;
    line[WORD_COMMAND] = ASLEEP_COMMAND;
    for (int i = 0; i < NUMBER_WORDS; i++) {
        snprintf(texts[i], sizeof texts[i], "%lld", values[i]);
        line[WORD_LINK + i] = texts[i];
    }
    line[WORD_STARTED] = started != NULL ? started : "";
    line[WORD_SEPARATOR] = SEPARATOR;
    memcpy(line + WORDS_BEFORE, sleeper->words, count * sizeof *line);
    keep_over_exec(ends->link);
    keep_over_exec(ends->token);
    keep_over_exec(pipes->reports);
    keep_over_exec(pipes->answers);
    keep_over_exec(STDERR_FILENO);
    execve(OURSELVES, line, sleeper->environment);
    _exit(SESSION_FAILED_EXIT);
}

noreturn void newborn(const struct sleeper *sleeper, const struct ends *ends)
{
    struct pollfd link = {.fd = ends->link, .events = POLLIN};
    setsid();
    signals_block_only(ONLY_SIGNAL(PARENT_DEATH));
    prctl(PR_SET_PDEATHSIG, PARENT_DEATH);
    link_send(ends->link, "ready");
    /* The step's process has the link's other end until it is the step: an end of file, too, comes
     * only when all is told. */
    while (poll(&link, 1, SETTLED_MS) == 0 && *ends->step == 0)
        ;
    go_on(sleeper, ends);
}
