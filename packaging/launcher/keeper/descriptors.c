#define _GNU_SOURCE
#include "descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NULL_DEVICE "/dev/null"

void descriptors_occupy_standard(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open(NULL_DEVICE, O_RDWR | O_CLOEXEC) < 0)
            return; /* a container without it: ours may lie there, and are closed by exec as well */
}

static void silence(void)
{
    int null = open(NULL_DEVICE, O_RDWR | O_CLOEXEC);
    if (null < 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        return;
    }
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (null > STDERR_FILENO)
        close(null);
}

static int compare(const void *one, const void *other)
{
    int a = *(const int *)one, b = *(const int *)other;
    return (a > b) - (a < b);
}

/* Before Linux 5.9, and where a sandbox refuses it, one by one. */
static void close_listed(int first, int last)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int descriptor = atoi(entry->d_name);
        if (descriptor >= first && descriptor <= last && descriptor != dirfd(folder))
            close(descriptor);
    }
    closedir(folder);
}

static void close_from_to(int first, int last)
{
    if (first <= last && syscall(SYS_close_range, first, last, 0) != 0)
        close_listed(first, last);
}

void descriptors_keep_only(int *wanted, size_t count)
{
    silence();
    qsort(wanted, count, sizeof *wanted, compare);
    int next = STDERR_FILENO + 1;
    for (size_t i = 0; i < count; i++)
        if (wanted[i] >= next) {
            close_from_to(next, wanted[i] - 1);
            next = wanted[i] + 1;
        }
    close_from_to(next, INT_MAX);
}

int descriptors_open_regular(const char *path, struct stat *status)
{
    if (stat(path, status) != 0 || !S_ISREG(status->st_mode))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool descriptors_have_terminal(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        pid_t group;
        if (ioctl(descriptor, TIOCGPGRP, &group) == 0)
            return true;
    }
    return false;
}
