/* What the binary carries: the files of the payload, compressed, in its read-only data. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

enum payload_kind {
    PAYLOAD_LOADER,    /* the dynamic loader, which starts all else */
    PAYLOAD_LIBRARY,   /* a shared library, found by its name */
    PAYLOAD_PROGRAM,   /* the program that embeds the interpreter */
    PAYLOAD_MODULES,   /* the interpreter's modules, all in one */
    PAYLOAD_EXTENSION, /* a module that is a shared object */
};

struct payload_file {
    const char *name; /* has no slash: all lie in one directory */
    enum payload_kind kind;
    uint64_t size;
};

/* Made by packaging/binary/payload.py; the first file is the loader. */
extern const char PAYLOAD_ID[]; /* of these very contents: hexadecimal digits */
extern const struct payload_file PAYLOAD_FILES[];
extern const size_t PAYLOAD_COUNT;

/* Reads the files' contents, one after the other, in the order of the table. */
struct payload_reader;

/* Returns NULL where there is no memory. */
struct payload_reader *payload_open(void);

/* Writes the next `size` bytes to a descriptor. Returns 0, or -1 with errno set. */
int payload_copy(struct payload_reader *reader, int descriptor, uint64_t size);

void payload_close(struct payload_reader *reader);

#endif
