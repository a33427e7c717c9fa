#include <sys/prctl.h>
#include <uv.h>

/* prctl is variadic, which Swift can't call. Names the calling thread; the kernel keeps 15 bytes. */
static inline void cuv_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
