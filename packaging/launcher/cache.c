#define _GNU_SOURCE
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "directory.h"
#include "install.h"
#include "payload.h"

#define CACHE_VARIABLE "HOLDFAST_CACHE" /* a directory for our cache, the only one; empty: none */
#define OWN_NAME "holdfast-%u"          /* our cache in a directory that others use too */
#define OWN_NAME_BYTES 24

#define LOCK_PATIENCE_MS 3000 /* another one unpacks in 0.1 s; a stopped one for ever */
#define LOCK_PAUSE_MS 5

static const char *variable(const struct cache_search *search, const char *name)
{
    size_t length = strlen(name);
    for (char **entry = search->invocation->environment; *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

/* Tells whether nobody but us and root can put another directory in the place of ours there. */
static bool is_safe_base(int base)
{
    struct stat status;
    if (fstat(base, &status) != 0 || (status.st_uid != 0 && status.st_uid != geteuid()))
        return false;
    return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0;
}

static bool is_noexec(int base)
{
    struct statvfs status;
    return fstatvfs(base, &status) == 0 && (status.f_flag & ST_NOEXEC) != 0;
}

/* Waits until nobody else unpacks here. One that was stopped at it is not waited for. */
static void lock(int own)
{
    static const struct timespec pause = {0, LOCK_PAUSE_MS * 1000000L};
    for (int waited = 0; waited < LOCK_PATIENCE_MS; waited += LOCK_PAUSE_MS) {
        if (flock(own, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return;
        nanosleep(&pause, NULL);
    }
}

static bool is_unpacked(int own, const struct trust *trust)
{
    int directory = directory_open(own, PAYLOAD_ID, trust);
    if (directory < 0)
        return false;
    bool is_whole = directory_is_whole(directory, trust);
    close(directory);
    return is_whole;
}

/* Puts an unpacked payload in its place, by a rename: it is there whole, or not at all. */
static bool publish(int own, const char *temporary, const struct trust *trust)
{
    for (int try = 0; try < 2; try++) {
        if (renameat(own, temporary, own, PAYLOAD_ID) == 0)
            return true;
        if (is_unpacked(own, trust)) /* another one was faster */
            break;
        directory_remove(own, PAYLOAD_ID); /* damaged */
        unlinkat(own, PAYLOAD_ID, 0);      /* or no directory at all */
    }
    directory_remove(own, temporary);
    return is_unpacked(own, trust);
}

static bool unpack(int own, const struct trust *trust)
{
    char temporary[TEMPORARY_BYTES];
    int directory = directory_make_temporary(own, temporary, 0700);
    if (directory < 0)
        return false;
    bool is_done = directory_fill(directory, 0500, 0400, false) == 0;
    if (is_done)
        is_done = publish(own, temporary, trust);
    else
        directory_remove(own, temporary);
    close(directory);
    return is_done;
}

/* Makes our cache directory in `base`, or finds it. Returns it, or -1 where that cannot be. */
static int open_own(int base, const char *name, const struct trust *trust)
{
    if (mkdirat(base, name, 0700) == 0)
        fchmodat(base, name, 0700, 0); /* whatever the umask is */
    return directory_open(base, name, trust);
}

/* Finds or makes a cache in a directory. Returns whether it is there. */
static bool use_base(struct cache_search *search, const char *path)
{
    const struct trust trust = {{geteuid(), geteuid()}, S_IRWXG | S_IRWXO, true};
    char name[OWN_NAME_BYTES];
    snprintf(name, sizeof name, OWN_NAME, (unsigned)geteuid());
    int length = snprintf(search->directory, sizeof search->directory, "%s/%s/%s", path, name,
                          PAYLOAD_ID);
    if (*path != '/' || length >= (int)sizeof search->directory || strchr(path, ':') != NULL)
        return false; /* the loader takes a colon for the end of a path */
    int base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0)
        return false;
    bool is_usable = is_safe_base(base) && !is_noexec(base);
    int own = is_usable ? open_own(base, name, &trust) : -1;
    bool is_found = false;
    if (own >= 0) {
        is_found = is_unpacked(own, &trust);
        if (!is_found) {
            lock(own);
            is_found = is_unpacked(own, &trust);
        }
        if (!is_found) {
            directory_remove_leftovers(own);
            is_found = unpack(own, &trust);
        }
        close(own);
        if (!is_found)
            unlinkat(base, name, AT_REMOVEDIR); /* leaves it where something is in it */
    }
    close(base);
    return is_found;
}

/* Looks for what `agent install` has put beside the binary. */
static bool use_installed(struct cache_search *search)
{
    return install_find(search->invocation->file, search->directory);
}

static bool use_home(struct cache_search *search)
{
    const char *home = variable(search, "HOME");
    char path[PATH_MAX];
    if (home == NULL || *home != '/' ||
        snprintf(path, sizeof path, "%s/.cache", home) >= PATH_MAX)
        return false;
    if (access(path, F_OK) != 0 && access(home, W_OK) == 0)
        mkdir(path, 0700);
    return use_base(search, path);
}

static bool use_variable(struct cache_search *search, const char *name)
{
    const char *path = variable(search, name);
    return path != NULL && use_base(search, path);
}

/* In the order in which they are tried. HOME comes late: to many CIs it is the build's own folder,
 * where what we leave ends in artifacts. */
enum place { INSTALLED, CHOSEN, CACHE_HOME, TMP, VAR_TMP, HOME, TMPDIR, SHM, RUN, NO_PLACE };

bool cache_next(struct cache_search *search)
{
    bool is_found = false;
    while (!is_found && search->next < NO_PLACE) {
        switch ((enum place)search->next++) {
        case INSTALLED: is_found = use_installed(search); break;
        case CHOSEN:
            if (variable(search, CACHE_VARIABLE) != NULL) {
                search->next = NO_PLACE;
                is_found = use_variable(search, CACHE_VARIABLE);
            }
            break;
        case CACHE_HOME: is_found = use_variable(search, "XDG_CACHE_HOME"); break;
        case TMP: is_found = use_base(search, "/tmp"); break;
        case VAR_TMP: is_found = use_base(search, "/var/tmp"); break;
        case HOME: is_found = use_home(search); break;
        case TMPDIR: is_found = use_variable(search, "TMPDIR"); break;
        case SHM: is_found = use_base(search, "/dev/shm"); break;
        case RUN: is_found = use_base(search, "/run"); break;
        case NO_PLACE: break;
        }
    }
    return is_found;
}
