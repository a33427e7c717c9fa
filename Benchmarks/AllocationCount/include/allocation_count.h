#include <stdint.h>

/// Calls of malloc, calloc, realloc and the aligned ones in this process so far.
uint64_t allocation_count(void);
