#define _GNU_SOURCE
#include "parent.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void parent_watch(struct parent *parent, bool watched)
{
    parent->pid = watched ? getppid() : 0;
    parent->descriptor = -1;
    parent->heard = false;
}

void parent_listen(struct parent *parent)
{
    if (parent->pid != 0) /* refused before Linux 5.3, or by a sandbox */
        parent->descriptor = (int)syscall(SYS_pidfd_open, parent->pid, 0);
}

bool parent_must_be_looked_at(const struct parent *parent)
{
    return parent->pid != 0 && parent->descriptor < 0;
}

bool parent_is_gone(const struct parent *parent)
{
    return parent->pid != 0 && getppid() != parent->pid;
}
