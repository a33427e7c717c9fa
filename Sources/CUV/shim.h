#include <sched.h>
#include <sys/prctl.h>
#include <uv.h>

/* sched.h declares these to programs with _GNU_SOURCE only, which Swift does not define for the C library's module. */
extern int sched_getcpu(void);
extern int sched_getaffinity(pid_t process, size_t size, cpu_set_t *processors);
extern int sched_setaffinity(pid_t process, size_t size, const cpu_set_t *processors);

/* prctl is variadic, which Swift can't call. Names the calling thread; the kernel keeps 15 bytes. */
static inline void cuv_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/* Has the kernel kill the calling process when the thread that started it ends. */
static inline int cuv_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0); }

/* Has the calling thread run only when nobody else wants its processor. The policy is SCHED_IDLE, a name from behind
   _GNU_SOURCE too. */
static inline int cuv_run_when_idle(void) {
    struct sched_param none = {0};
    return sched_setscheduler(0, 5, &none);
}
