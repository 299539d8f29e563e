#define _GNU_SOURCE
#include "install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "payload.h"

#define BINARY_NAME "agent"
#define PAYLOADS_NAME "agent.d" /* beside the binary: a directory for each payload */
#define NEW_BINARY_NAME ".agent.new"

#define COPY_BYTES (256 * 1024)
#define USAGE_EXIT 2
#define FAILED_EXIT 1

bool install_find(const char *binary, char directory[PATH_MAX])
{
    const char *slash = strrchr(binary, '/');
    struct stat status;
    if (slash == NULL || strchr(binary, ':') != NULL || stat(binary, &status) != 0)
        return false;
    int length = snprintf(directory, PATH_MAX, "%.*s/" PAYLOADS_NAME "/%s",
                          (int)(slash - binary), binary, PAYLOAD_ID);
    if (length >= PATH_MAX)
        return false;
    const struct trust trust = {{0, status.st_uid}, S_IWGRP | S_IWOTH, false};
    char *payloads_end = strrchr(directory, '/');
    *payloads_end = '\0';
    int payloads = directory_open(AT_FDCWD, directory, &trust);
    *payloads_end = '/';
    if (payloads < 0)
        return false;
    int payload = directory_open(payloads, PAYLOAD_ID, &trust);
    bool is_whole = payload >= 0 && directory_is_whole(payload, &trust);
    if (payload >= 0)
        close(payload);
    close(payloads);
    return is_whole;
}

static int copy_bytes(int source, int target)
{
    static char bytes[COPY_BYTES];
    ssize_t count;
    while ((count = read(source, bytes, sizeof bytes)) != 0) {
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        for (ssize_t done = 0; done < count;) {
            ssize_t written = write(target, bytes + done, (size_t)(count - done));
            if (written < 0 && errno != EINTR)
                return -1;
            done += written > 0 ? written : 0;
        }
    }
    return 0;
}

/* Puts a copy of our own file into a directory, by a rename: whoever starts it meanwhile gets the
 * old one or the new one. */
static int install_binary(const char *file, int directory)
{
    int source = open(file, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return -1;
    unlinkat(directory, NEW_BINARY_NAME, 0);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int target = openat(directory, NEW_BINARY_NAME, flags, 0600);
    int failed = target < 0 || copy_bytes(source, target) != 0 || fchmod(target, 0755) != 0 ||
                 fsync(target) != 0;
    if (target >= 0)
        failed |= close(target) != 0;
    close(source);
    if (!failed)
        failed = renameat(directory, NEW_BINARY_NAME, directory, BINARY_NAME) != 0;
    return failed ? -1 : fsync(directory);
}

static int install_payload(int payloads)
{
    const struct trust trust = {{geteuid(), 0}, S_IWGRP | S_IWOTH, true};
    int there = directory_open(payloads, PAYLOAD_ID, &trust);
    bool is_whole = there >= 0 && directory_is_whole(there, &trust);
    if (there >= 0)
        close(there);
    if (is_whole)
        return 0;
    char temporary[TEMPORARY_BYTES];
    int directory = directory_make_temporary(payloads, temporary, 0755);
    if (directory < 0)
        return -1;
    int failed = directory_fill(directory, 0555, 0444, true) != 0;
    if (!failed) {
        directory_remove(payloads, PAYLOAD_ID); /* damaged */
        failed = renameat(payloads, temporary, payloads, PAYLOAD_ID) != 0;
    }
    int error = errno;
    if (failed)
        directory_remove(payloads, temporary);
    close(directory);
    errno = error;
    return failed ? -1 : fsync(payloads);
}

/* Makes a directory and its parents. */
static int make_directories(const char *path)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = part + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -1;
    }
    return mkdir(part, 0755) != 0 && errno != EEXIST ? -1 : 0;
}

static int install_into(const char *file, const char *path)
{
    int directory = -1, payloads = -1;
    int failed = make_directories(path) != 0;
    if (!failed)
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    failed = directory < 0 || (mkdirat(directory, PAYLOADS_NAME, 0755) != 0 && errno != EEXIST);
    if (!failed) {
        payloads = openat(directory, PAYLOADS_NAME,
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        failed = payloads < 0 || fchmod(payloads, 0755) != 0;
    }
    if (!failed) {
        directory_remove_leftovers(payloads);
        failed = install_payload(payloads) != 0 || install_binary(file, directory) != 0;
    }
    int error = errno;
    if (payloads >= 0)
        close(payloads);
    if (directory >= 0)
        close(directory);
    errno = error;
    return failed ? -1 : 0;
}

int install_main(const struct invocation *invocation)
{
    const char *path = invocation->arguments[2];
    if (path == NULL || *path == '-' || *path == '\0' || invocation->arguments[3] != NULL) {
        fputs("agent: install takes one directory: agent install DIR\n", stderr);
        return USAGE_EXIT;
    }
    if (install_into(invocation->file, path) != 0) {
        fprintf(stderr, "agent: cannot install into %s: %s\n", path, strerror(errno));
        return FAILED_EXIT;
    }
    return 0;
}
