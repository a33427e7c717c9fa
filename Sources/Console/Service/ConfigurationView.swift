import Store
import Synchronization

/// The newest configuration, read again when it has changed.
final class ConfigurationView: Sendable {
    private let store: any ConfigurationStore
    private let held = Mutex<Configuration?>(nil)

    init(_ store: any ConfigurationStore) {
        self.store = store
    }

    /// What is held, when it is the newest. Does not block.
    var current: Configuration? {
        let generation = store.currentGeneration()
        return held.withLock { $0?.generation == generation ? $0 : nil }
    }

    /// Reads. Blocks. Nothing is answered from an old configuration when that fails.
    func load() throws(StoreError) -> Configuration {
        let fresh = try store.loadConfiguration()
        held.withLock { held in
            // Two threads may read at once; the newer one stays.
            if held.map({ $0.generation < fresh.generation }) ?? true { held = fresh }
        }
        return fresh
    }
}
