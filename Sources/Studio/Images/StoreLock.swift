import Glibc
import Synchronization

/// Lets one thread of one process at a time change a folder. The kernel lets go of it when a process ends, however it ends.
final class StoreLock: Sendable {
    private let path: String
    /// Threads of this process come one by one: the file's lock belongs to all of them.
    private let threads = Mutex(())

    /// - Parameter path: a file of its own; made when it is first needed, and never removed.
    init(path: String) {
        self.path = path
    }

    /// Runs `body` while nobody else does. Blocks: worker threads only.
    func withLock<Value: Sendable>(_ body: () throws(StudioError) -> Value) throws(StudioError) -> Value {
        try threads.withLock { _ throws(StudioError) -> Value in
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw StudioError(storage: Files.Failure()) }
            // Closing it gives the lock back.
            defer { close(descriptor) }
            while flock(descriptor, LOCK_EX) != 0 {
                if errno != EINTR { throw StudioError(storage: Files.Failure()) }
            }
            return try body()
        }
    }
}
