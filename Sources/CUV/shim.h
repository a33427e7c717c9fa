#include <sys/prctl.h>
#include <uv.h>

/* prctl is variadic, which Swift can't call. Names the calling thread; the kernel keeps 15 bytes. */
static inline void cuv_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/* Has the kernel kill the calling process when the thread that started it ends. */
static inline int cuv_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0); }
