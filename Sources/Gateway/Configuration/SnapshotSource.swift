import Base
import Store
import Synchronization

/// Hands out the current snapshot. A change by the command line counts from the next request on.
final class SnapshotSource: Sendable {
    private let store: any ConfigurationSource
    private let log: Log
    private let current: Mutex<GatewaySnapshot>
    /// Called with the snapshot before and after each change, outside the lock.
    private let changed: Changed

    typealias Changed = @Sendable (_ old: GatewaySnapshot, _ new: GatewaySnapshot) -> Void

    init(_ store: any ConfigurationSource, log: Log, changed: @escaping Changed) throws(StoreError) {
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
        let old = current.withLock { held -> GatewaySnapshot? in
            guard held.generation < fresh.generation else { return nil }
            defer { held = fresh }
            return held
        }
        if let old {
            log(.info, "configuration changed", ("generation", String(fresh.generation)))
            changed(old, fresh)
        }
        return fresh
    }
}
