import Glibc

/// How many descriptors this process may have open at once. Each connection is one.
package enum OpenFiles {
    /// Raises the limit as far as this process may by itself.
    /// - Returns: what it was, for programs that we start, and what it is now.
    package static func raise() -> (before: UInt64, now: UInt64) {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return (1_024, 1_024) }
        let before = UInt64(limit.rlim_cur)
        guard limit.rlim_cur < limit.rlim_max else { return (before, before) }
        limit.rlim_cur = limit.rlim_max
        return (before, setrlimit(resource, &limit) == 0 ? UInt64(limit.rlim_max) : before)
    }

    /// Lowers the limit to what a program expects that goes through all its possible descriptors, or waits for them by
    /// `select`. It may raise it again.
    package static func lower(to count: UInt64) {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, rlim_t(count) < limit.rlim_cur else { return }
        limit.rlim_cur = rlim_t(count)
        setrlimit(resource, &limit)
    }

    private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
}
