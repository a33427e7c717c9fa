import CUV
import Glibc

/// What a process does to itself before it becomes another program: what it sets stays over `exec`.
package enum ProcessTies {
    /// What a process may use.
    package enum Resource: Sendable, CaseIterable {
        /// Bytes of address space, for each process.
        case addressSpace
        /// Seconds of processor time, for each process.
        case cpuSeconds
        /// For each process.
        case openFiles
        /// Processes and threads of the user, all together.
        case processes
    }

    /// The kernel ends this process when `parent` ends, however that happens. False if it has ended already or the kernel
    /// refuses.
    package static func endWith(parent: Int32) -> Bool {
        // Asked for first, looked at then: the parent may end in between.
        cuv_die_with_parent() == 0 && getppid() == parent
    }

    /// Sets the limit for good: neither this process nor its children can raise it again. False if the kernel refuses; the
    /// reason is in `errno`.
    package static func limit(_ resource: Resource, to value: UInt64) -> Bool {
        var limit = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
        return switch resource {
        case .addressSpace: setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0
        case .cpuSeconds: setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit) == 0
        case .openFiles: setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        case .processes: setrlimit(__rlimit_resource_t(__RLIMIT_NPROC.rawValue), &limit) == 0
        }
    }
}
