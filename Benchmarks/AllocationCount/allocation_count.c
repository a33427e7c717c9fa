// Stands in front of the C library's allocator and counts.
#include "allocation_count.h"
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Atomic uint64_t count;

#define COUNT atomic_fetch_add_explicit(&count, 1, memory_order_relaxed)

void *malloc(size_t size) { return COUNT, __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return COUNT, __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return COUNT, __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { return COUNT, __libc_memalign(alignment, size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
    COUNT;
    *result = __libc_memalign(alignment, size);
    return *result ? 0 : ENOMEM;
}

uint64_t allocation_count(void) { return atomic_load_explicit(&count, memory_order_relaxed); }
