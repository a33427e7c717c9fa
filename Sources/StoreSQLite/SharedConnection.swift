import Store
import Synchronization

/// A connection that several threads use, one after the other.
final class SharedConnection: Sendable {
    private let lock = Mutex(())
    // SAFETY: only touched while `lock` is held.
    private nonisolated(unsafe) let connection: Connection

    init(_ connection: sending Connection) {
        self.connection = connection
    }

    /// Runs `body` in a transaction while no other thread is in one.
    func transaction<R: Sendable>(
        _ begin: StaticString, _ body: (Connection) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        try lock.withLock { _ throws(StoreError) -> R in
            try connection.transaction(begin) { () throws(StoreError) in try body(connection) }
        }
    }
}
