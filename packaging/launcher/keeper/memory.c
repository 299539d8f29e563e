#define _GNU_SOURCE
#include "memory.h"

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define AT_HAND_BYTES (64 * 1024) /* what is not used takes no memory */
#define ALIGNMENT sizeof(void *)

void *memory_take(size_t bytes)
{
    static struct {
        size_t taken;
        char bytes[AT_HAND_BYTES] __attribute__((aligned(ALIGNMENT)));
    } at_hand;
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded > AT_HAND_BYTES - at_hand.taken)
        return calloc(1, bytes);
    at_hand.taken += rounded;
    return at_hand.bytes + at_hand.taken - rounded;
}

#if UINTPTR_MAX > UINT32_MAX
typedef Elf64_Phdr segment_header;
#else
typedef Elf32_Phdr segment_header;
#endif

/* Returns how far from where the file says we are. */
static uintptr_t find_base(const segment_header *segments, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (segments[i].p_type == PT_PHDR)
            return (uintptr_t)segments - segments[i].p_vaddr;
    return 0;
}

void memory_let_go(void)
{
    const segment_header *segments = (const segment_header *)getauxval(AT_PHDR);
    size_t count = segments != NULL ? getauxval(AT_PHNUM) : 0;
    uintptr_t page = getauxval(AT_PAGESZ), base = find_base(segments, count);
    for (size_t i = 0; i < count; i++) {
        if (segments[i].p_type != PT_LOAD || (segments[i].p_flags & PF_W) != 0)
            continue;
        uintptr_t start = (base + segments[i].p_vaddr) & ~(page - 1);
        uintptr_t end = base + segments[i].p_vaddr + segments[i].p_memsz;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
}
