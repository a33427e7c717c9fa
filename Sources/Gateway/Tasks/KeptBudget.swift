import Synchronization

/// What all sessions may keep together of results that clients wanted as tasks. A grant has at most as much as it leaves free
/// for all others, so nobody's results take the last room.
final class KeptBudget: Sendable {
    /// One grant's part of it.
    struct Share: Sendable {
        fileprivate let budget: KeptBudget
        fileprivate let grant: String

        /// False when there is no room.
        func take(_ bytes: Int) -> Bool { budget.take(bytes, grant) }
        func give(_ bytes: Int) { budget.give(bytes, grant) }
    }

    private struct State {
        var held: [String: Int] = [:]
        var total = 0
    }

    private let capacity: Int
    private let metrics: GatewayMetrics?
    private let state = Mutex(State())

    /// - Parameter capacity: in bytes.
    init(capacity: Int, metrics: GatewayMetrics? = nil) {
        self.capacity = capacity
        self.metrics = metrics
    }

    /// What is kept now, in bytes.
    var size: Int { state.withLock { $0.total } }

    func share(of grant: String) -> Share { Share(budget: self, grant: grant) }

    private func take(_ bytes: Int, _ grant: String) -> Bool {
        state.withLock { state in
            let mine = state.held[grant, default: 0] + bytes
            guard mine <= capacity - state.total - bytes else { return false }
            state.held[grant] = mine
            state.total += bytes
            metrics?.keptBytes.store(state.total, ordering: .relaxed)
            return true
        }
    }

    private func give(_ bytes: Int, _ grant: String) {
        state.withLock { state in
            let left = state.held[grant, default: 0] - bytes
            state.held[grant] = left > 0 ? left : nil
            state.total -= bytes
            metrics?.keptBytes.store(state.total, ordering: .relaxed)
        }
    }
}
