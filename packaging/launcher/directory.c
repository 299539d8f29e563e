#define _GNU_SOURCE
#include "directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"

/* The time of the last change that all files have: another one was written to since. 2020-01-01. */
#define WRITTEN_AT 1577836800

#define TEMPORARY_PREFIX ".unfinished-"
#define TRIES 100

static bool is_trusted(const struct stat *status, const struct trust *trust)
{
    bool is_owned = status->st_uid == trust->owners[0] || status->st_uid == trust->owners[1];
    return is_owned && (status->st_mode & trust->forbidden) == 0;
}

int directory_open(int parent, const char *name, const struct trust *trust)
{
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (directory < 0 || (fstat(directory, &status) == 0 && is_trusted(&status, trust)))
        return directory;
    close(directory);
    return -1;
}

bool directory_is_whole(int directory, const struct trust *trust)
{
    for (size_t i = 0; i < PAYLOAD_COUNT; i++) {
        const struct payload_file *file = &PAYLOAD_FILES[i];
        struct stat status;
        if (fstatat(directory, file->name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode) || !is_trusted(&status, trust) ||
            (uint64_t)status.st_size != file->size)
            return false;
        if (trust->as_written && status.st_mtim.tv_sec != WRITTEN_AT)
            return false;
    }
    return true;
}

int directory_make_temporary(int parent, char name[TEMPORARY_BYTES], mode_t mode)
{
    for (unsigned try = 0; try < TRIES; try++) {
        snprintf(name, TEMPORARY_BYTES, TEMPORARY_PREFIX "%d-%u", (int)getpid(), try);
        if (mkdirat(parent, name, mode) == 0) {
            int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (directory >= 0) {
                fchmod(directory, mode); /* whatever the umask is */
                flock(directory, LOCK_EX | LOCK_NB);
            }
            return directory;
        }
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

bool directory_is_temporary(const char *name)
{
    return strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0;
}

static int write_file(int descriptor, struct payload_reader *reader,
                      const struct payload_file *file, mode_t mode, bool durable)
{
    static const struct timespec times[2] = {{WRITTEN_AT, 0}, {WRITTEN_AT, 0}};
    /* A full disk shows at once. The size stays: it grows with the data, on the disk too, so that
     * after a power failure a file without all its data is too short, and is not trusted. Hence
     * the cache needs no fsync, which would take longer than all else together. */
    if (fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, (off_t)file->size) != 0 &&
        (errno == ENOSPC || errno == EDQUOT))
        return -1;
    if (payload_copy(reader, descriptor, file->size) != 0 || fchmod(descriptor, mode) != 0 ||
        futimens(descriptor, times) != 0)
        return -1;
    return durable ? fsync(descriptor) : 0;
}

int directory_fill(int directory, mode_t program_mode, mode_t file_mode, bool durable)
{
    struct payload_reader *reader = payload_open();
    int failed = reader == NULL;
    for (size_t i = 0; i < PAYLOAD_COUNT && !failed; i++) {
        const struct payload_file *file = &PAYLOAD_FILES[i];
        int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        int descriptor = openat(directory, file->name, flags, 0600);
        failed = descriptor < 0;
        if (!failed) {
            mode_t mode = file->kind == PAYLOAD_LOADER ? program_mode : file_mode;
            failed = write_file(descriptor, reader, file, mode, durable) != 0;
            int error = errno;
            failed |= close(descriptor) != 0;
            errno = error;
        }
    }
    if (!failed && durable)
        failed = fsync(directory) != 0;
    int error = errno;
    payload_close(reader);
    errno = error;
    return failed ? -1 : 0;
}

/* Calls a function for each name in a directory but itself and its parent. */
static void for_each_name(int directory, void (*function)(int directory, const char *name))
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        if (copy >= 0)
            close(copy);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            function(directory, entry->d_name);
    closedir(stream);
}

static void remove_file(int directory, const char *name)
{
    unlinkat(directory, name, 0);
}

void directory_remove(int parent, const char *name)
{
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return;
    for_each_name(directory, remove_file);
    close(directory);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* Removes a temporary directory whose maker is gone: it is locked as long as that lives. */
static void remove_leftover(int parent, const char *name)
{
    if (!directory_is_temporary(name))
        return;
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return;
    if (flock(directory, LOCK_EX | LOCK_NB) == 0)
        directory_remove(parent, name);
    close(directory);
}

void directory_remove_leftovers(int parent)
{
    for_each_name(parent, remove_leftover);
}
