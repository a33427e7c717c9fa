#include <stddef.h>
#include <stdint.h>

/// libFuzzer's own main program, to be called from ours: SwiftPM insists on an entry point.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *, size_t));
