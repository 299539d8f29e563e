#include "payload.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "zstd.h"

#define CHUNK_BYTES (128 * 1024) /* what zstd decompresses in one go */

extern const unsigned char payload_start[], payload_end[]; /* payload.S */

struct payload_reader {
    ZSTD_DStream *stream;
    ZSTD_inBuffer input;
    unsigned char chunk[CHUNK_BYTES];
};

struct payload_reader *payload_open(void)
{
    struct payload_reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->stream = ZSTD_createDStream();
    if (reader->stream == NULL) {
        free(reader);
        return NULL;
    }
    reader->input = (ZSTD_inBuffer){payload_start, (size_t)(payload_end - payload_start), 0};
    return reader;
}

/* Fills the chunk with up to `limit` bytes. Returns how many, or 0 where there are none. */
static size_t read_chunk(struct payload_reader *reader, uint64_t limit)
{
    size_t wanted = limit < CHUNK_BYTES ? (size_t)limit : CHUNK_BYTES;
    ZSTD_outBuffer output = {reader->chunk, wanted, 0};
    while (output.pos < wanted) {
        size_t before = output.pos;
        size_t left = ZSTD_decompressStream(reader->stream, &output, &reader->input);
        int at_end = reader->input.pos == reader->input.size;
        if (ZSTD_isError(left) || (at_end && output.pos == before && output.pos < wanted))
            return 0;
    }
    return output.pos;
}

static int write_all(int descriptor, const unsigned char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

int payload_copy(struct payload_reader *reader, int descriptor, uint64_t size)
{
    while (size > 0) {
        size_t count = read_chunk(reader, size);
        if (count == 0) {
            errno = EBADMSG; /* the binary itself is damaged */
            return -1;
        }
        if (write_all(descriptor, reader->chunk, count) != 0)
            return -1;
        size -= count;
    }
    return 0;
}

void payload_close(struct payload_reader *reader)
{
    if (reader == NULL)
        return;
    ZSTD_freeDStream(reader->stream);
    free(reader);
}
