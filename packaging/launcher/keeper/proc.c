#define _GNU_SOURCE
#include "proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PATH_BYTES 64
#define STAT_BYTES 1024     /* a line of /proc/PID/stat has some 400 */
#define FIRST_ROOM 128      /* processes */
#define CHUNK_BYTES 4096    /* of an environment */
#define PROC_MAGIC 0x9fa0   /* linux/magic.h */

/* Asks the file system: a look into it would cost the step 10 us, for the kernel to make up. */
bool proc_is_mounted(void)
{
    struct statfs status;
    return statfs("/proc", &status) == 0 && status.f_type == PROC_MAGIC;
}

/* proc(5): fields 3 to 6 and 22, counted from the last bracket, for the name may hold blanks and
 * brackets. */
static bool parse(const char *line, struct process *process)
{
    const char *rest = strrchr(line, ')');
    return rest != NULL &&
           sscanf(rest + 1,
                  " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &process->state, &process->parent, &process->group, &process->session,
                  &process->start) == 5;
}

bool proc_read(pid_t pid, struct process *process)
{
    char path[PATH_BYTES], line[STAT_BYTES];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t length = read(file, line, sizeof line - 1);
    close(file);
    if (length <= 0)
        return false;
    line[length] = '\0';
    process->pid = pid;
    process->chosen = false;
    return parse(line, process);
}

bool proc_is_alive(const struct process *process)
{
    return process->state != 'Z' && process->state != 'X';
}

/* Makes room for one more; false where there is no memory: what is not seen now is seen later. */
static bool make_room(struct processes *processes)
{
    if (processes->count < processes->room)
        return true;
    size_t room = processes->room > 0 ? 2 * processes->room : FIRST_ROOM;
    void *all = realloc(processes->all, room * sizeof *processes->all);
    if (all == NULL)
        return false;
    processes->all = all;
    processes->room = room;
    return true;
}

bool proc_add(struct processes *processes, const struct process *process)
{
    if (!make_room(processes))
        return false;
    processes->all[processes->count++] = *process;
    return true;
}

void proc_snapshot(struct processes *processes)
{
    processes->count = 0;
    DIR *folder = opendir("/proc");
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        pid_t pid = atoi(entry->d_name);
        if (pid > 0 && make_room(processes) && proc_read(pid, &processes->all[processes->count]))
            processes->count++;
    }
    closedir(folder);
}

static bool is_chosen(const struct processes *processes, pid_t pid)
{
    for (size_t i = 0; i < processes->count; i++)
        if (processes->all[i].pid == pid)
            return processes->all[i].chosen;
    return false;
}

void proc_choose_below(struct processes *processes, pid_t root, pid_t except)
{
    bool is_more = true;
    while (is_more) {
        is_more = false;
        for (size_t i = 0; i < processes->count; i++) {
            struct process *process = &processes->all[i];
            if (process->chosen || process->pid == except || process->pid == root)
                continue;
            process->chosen =
                process->parent == root || is_chosen(processes, process->parent);
            is_more = is_more || process->chosen;
        }
    }
}

void proc_keep_chosen(struct processes *processes)
{
    size_t kept = 0;
    for (size_t i = 0; i < processes->count; i++)
        if (processes->all[i].chosen)
            processes->all[kept++] = processes->all[i];
    processes->count = kept;
}

static bool leads_to(const char *folder, const char *name, const char *target)
{
    char path[PATH_BYTES + NAME_MAX + 1], found[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ssize_t length = readlink(path, found, sizeof found - 1);
    if (length < 0)
        return false;
    found[length] = '\0';
    return strcmp(found, target) == 0;
}

bool proc_holds_pipe(pid_t pid, ino_t inode)
{
    char path[PATH_BYTES], target[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    snprintf(target, sizeof target, "pipe:[%llu]", (unsigned long long)inode);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false; /* it has ended, or is another user's */
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(folder)) != NULL;)
        found = leads_to(path, entry->d_name, target);
    closedir(folder);
    return found;
}

/* How much of the wanted entry the one that is being read has so far; -1: it is another. */
static bool scan(const char *chunk, size_t length, const char *entry, long *matched)
{
    for (size_t i = 0; i < length; i++) {
        if (chunk[i] == '\0') {
            if (*matched >= 0 && entry[*matched] == '\0')
                return true;
            *matched = 0;
        } else if (*matched >= 0) {
            *matched = entry[*matched] == chunk[i] ? *matched + 1 : -1;
        }
    }
    return false;
}

bool proc_has_variable(pid_t pid, const char *entry)
{
    char path[PATH_BYTES], chunk[CHUNK_BYTES];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false; /* it has ended, or is another user's */
    long matched = 0;
    ssize_t length;
    bool found = false;
    while (!found && (length = read(file, chunk, sizeof chunk)) > 0)
        found = scan(chunk, (size_t)length, entry, &matched);
    close(file);
    return found;
}
