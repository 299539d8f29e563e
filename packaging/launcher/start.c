#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handover.h"
#include "invocation.h"
#include "keeper/words.h"
#include "payload.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* Linux 6.3: may be run, whatever vm.memfd_noexec has for the default */
#endif

#define FIRST_DESCRIPTOR 3  /* 0, 1 and 2 are the step's, and may be closed */
#define OPTIONS 3           /* the loader's options before the program's name */
#define DESCRIPTOR_BYTES 12 /* a descriptor's number and a separator, in decimal */
#define DESCRIPTOR_PATH "/proc/self/fd/%d"
#define DESCRIPTOR_PATH_BYTES (sizeof DESCRIPTOR_PATH + DESCRIPTOR_BYTES)

/* Returns a copy of the environment that nobody obeys (handover.h), or NULL. */
static char **hide_environment(char **environment)
{
    size_t count = count_words(environment);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(environment[i]) + 2;
    char **hidden = malloc((count + 1) * sizeof *hidden + bytes);
    if (hidden == NULL)
        return NULL;
    char *text = (char *)(hidden + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(environment[i]) + 1;
        hidden[i] = text;
        *text++ = HIDING;
        memcpy(text, environment[i], length);
        text += length;
    }
    hidden[count] = NULL;
    return hidden;
}

/* What the interpreter's command line has that ours has not. */
struct words {
    const char *loader;
    const char *option; /* of the loader */
    const char *value;  /* of that option */
    const char *program_file;
    const char *root;
    const char *descriptors;
};

/* Runs the loader; returns, with errno set, where that cannot be. */
static void run_loader(const struct invocation *invocation, const struct words *words)
{
    size_t count = count_words(invocation->arguments);
    char **environment = hide_environment(invocation->environment);
    const char **line = calloc(count + OPTIONS + HANDED_WORDS + 2, sizeof *line);
    if (environment != NULL && line != NULL) {
        size_t at = 0;
        line[at++] = count > 0 ? invocation->arguments[0] : "agent";
        line[at++] = "--inhibit-cache"; /* no library of the container's by /etc/ld.so.cache */
        line[at++] = words->option;
        line[at++] = words->value;
        line[at++] = words->program_file;
        line[at++] = words->root;
        line[at++] = invocation->program;
        line[at++] = words->descriptors;
        for (size_t i = 1; i < count; i++)
            line[at++] = invocation->arguments[i];
        execve(words->loader, (char **)line, environment);
    }
    int error = errno;
    free(environment);
    free(line);
    errno = error;
}

void start_from_directory(const struct invocation *invocation, const char *directory)
{
    char loader[PATH_MAX], program[PATH_MAX];
    const char *name = PAYLOAD_FILES[0].name;
    if (snprintf(loader, sizeof loader, "%s/%s", directory, name) >= PATH_MAX ||
        snprintf(program, sizeof program, "%s/" PROGRAM_FILE, directory) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return;
    }
    const struct words words = {
        .loader = loader,
        .option = "--library-path",
        .value = directory,
        .program_file = program,
        .root = directory,
        .descriptors = "",
    };
    run_loader(invocation, &words);
}

/* Returns a descriptor of an empty file in memory that may be run, or -1. */
static int make_memory_file(const char *name)
{
    int descriptor = (int)syscall(SYS_memfd_create, name, MFD_EXEC);
    if (descriptor < 0 && errno == EINVAL)
        descriptor = (int)syscall(SYS_memfd_create, name, 0U);
    if (descriptor < 0 || descriptor >= FIRST_DESCRIPTOR)
        return descriptor;
    int moved = fcntl(descriptor, F_DUPFD, FIRST_DESCRIPTOR);
    close(descriptor);
    return moved;
}

/* The payload in memory: each file has a descriptor, but the extensions lie behind the modules. */
struct memory {
    int loader;
    int program;
    int modules;
    char *libraries;   /* their paths, with colons, as the loader wants them */
    char *descriptors; /* handover.h */
    int *all;
    size_t count;
};

/* Takes one file out of the payload. Returns 0, or -1 with errno set. */
static int fill_file(struct memory *memory, struct payload_reader *reader, size_t index)
{
    const struct payload_file *file = &PAYLOAD_FILES[index];
    if (file->kind == PAYLOAD_EXTENSION)
        return payload_copy(reader, memory->modules, file->size);
    int descriptor = make_memory_file(file->name);
    if (descriptor < 0)
        return -1;
    memory->all[memory->count++] = descriptor;
    char path[DESCRIPTOR_PATH_BYTES], number[DESCRIPTOR_BYTES];
    snprintf(path, sizeof path, DESCRIPTOR_PATH, descriptor);
    snprintf(number, sizeof number, ",%d", descriptor);
    switch (file->kind) {
    case PAYLOAD_LOADER:
        memory->loader = descriptor;
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        break;
    case PAYLOAD_LIBRARY:
        if (*memory->libraries != '\0')
            strcat(memory->libraries, ":");
        strcat(memory->libraries, path);
        strcat(memory->descriptors, number);
        break;
    case PAYLOAD_PROGRAM:
        memory->program = descriptor;
        strcat(memory->descriptors, number);
        break;
    default:
        memory->modules = descriptor;
        snprintf(number, sizeof number, "%d", descriptor);
        memmove(memory->descriptors + strlen(number), memory->descriptors,
                strlen(memory->descriptors) + 1);
        memcpy(memory->descriptors, number, strlen(number));
    }
    return payload_copy(reader, descriptor, file->size);
}

static int fill_memory(struct memory *memory)
{
    struct payload_reader *reader = payload_open();
    int failed = reader == NULL;
    for (size_t i = 0; i < PAYLOAD_COUNT && !failed; i++)
        failed = fill_file(memory, reader, i);
    int error = errno;
    payload_close(reader);
    errno = error;
    return failed ? -1 : 0;
}

static void run_in_memory(const struct invocation *invocation, const struct memory *memory)
{
    char loader[DESCRIPTOR_PATH_BYTES], program[DESCRIPTOR_PATH_BYTES];
    snprintf(loader, sizeof loader, DESCRIPTOR_PATH, memory->loader);
    snprintf(program, sizeof program, DESCRIPTOR_PATH, memory->program);
    const struct words words = {
        .loader = loader,
        .option = "--preload", /* the loader knows them by their own names then */
        .value = memory->libraries,
        .program_file = program,
        .root = "",
        .descriptors = memory->descriptors,
    };
    run_loader(invocation, &words);
}

void start_from_memory(const struct invocation *invocation)
{
    struct memory memory = {
        .loader = -1,
        .program = -1,
        .modules = -1,
        .libraries = calloc(PAYLOAD_COUNT + 1, DESCRIPTOR_PATH_BYTES),
        .descriptors = calloc(PAYLOAD_COUNT + 1, DESCRIPTOR_BYTES),
        .all = calloc(PAYLOAD_COUNT, sizeof *memory.all),
    };
    if (memory.libraries != NULL && memory.descriptors != NULL && memory.all != NULL &&
        fill_memory(&memory) == 0)
        run_in_memory(invocation, &memory);
    int error = errno;
    for (size_t i = 0; i < memory.count; i++)
        close(memory.all[i]);
    free(memory.libraries);
    free(memory.descriptors);
    free(memory.all);
    errno = error;
}
