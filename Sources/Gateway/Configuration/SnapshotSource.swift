import Base
import Store
import Synchronization

/// Hands out the current snapshot. A change by the command line counts from the next request on.
final class SnapshotSource: Sendable {
    private let store: any ConfigurationSource
    private let log: Log
    private let current: Mutex<GatewaySnapshot>
    /// Called with the new snapshot after each change, outside the lock.
    private let changed: @Sendable (GatewaySnapshot) -> Void

    init(
        _ store: any ConfigurationSource, log: Log, changed: @escaping @Sendable (GatewaySnapshot) -> Void
    ) throws(StoreError) {
        self.store = store
        self.log = log
        self.changed = changed
        current = Mutex(GatewaySnapshot(try store.loadConfiguration(), log: log))
    }

    /// The snapshot for a request that starts now.
    /// - Throws: when the configuration has changed and can't be read: nothing may be decided on the old one.
    func snapshot() throws(StoreError) -> GatewaySnapshot {
        let generation = store.currentGeneration()
        let held = current.withLock { $0 }
        if held.generation == generation { return held }
        let fresh = GatewaySnapshot(try store.loadConfiguration(), log: log)
        // Two threads may load at once; the newer one stays.
        let isNew = current.withLock { held in
            guard held.generation < fresh.generation else { return false }
            held = fresh
            return true
        }
        if isNew {
            log(.info, "configuration changed", ("generation", String(fresh.generation)))
            changed(fresh)
        }
        return fresh
    }
}
