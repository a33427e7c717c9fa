import Glibc

/// Lets one thread sleep until another has news for it, or some time is over. POSIX semaphores would do, but their timed
/// wait goes by the time of day, and a clock set back would let it sleep for hours.
final class WakeUp: Sendable {
    private struct Parts {
        var mutex = pthread_mutex_t()
        var condition = pthread_cond_t()
        /// Guarded by `mutex`.
        var hasNews = false
    }

    // SAFETY: a POSIX mutex, a condition, and a flag that is only touched with the mutex held.
    private nonisolated(unsafe) let parts: UnsafeMutablePointer<Parts>

    init() {
        parts = .allocate(capacity: 1)
        parts.initialize(to: Parts())
        pthread_mutex_init(&parts.pointee.mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(&parts.pointee.condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(&parts.pointee.condition)
        pthread_mutex_destroy(&parts.pointee.mutex)
        parts.deallocate()
    }

    /// Ends the sleep, or the next one when nobody sleeps.
    func post() {
        pthread_mutex_lock(&parts.pointee.mutex)
        parts.pointee.hasNews = true
        pthread_mutex_unlock(&parts.pointee.mutex)
        pthread_cond_signal(&parts.pointee.condition)
    }

    /// Sleeps until `post`, at most `nanoseconds` (up to a second).
    func sleep(nanoseconds: Int) {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        let sum = until.tv_nsec + nanoseconds
        until.tv_sec += sum / 1_000_000_000
        until.tv_nsec = sum % 1_000_000_000
        pthread_mutex_lock(&parts.pointee.mutex)
        while !parts.pointee.hasNews {
            guard pthread_cond_timedwait(&parts.pointee.condition, &parts.pointee.mutex, &until) == 0 else { break }
        }
        parts.pointee.hasNews = false
        pthread_mutex_unlock(&parts.pointee.mutex)
    }
}
