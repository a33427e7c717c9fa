import Synchronization

/// What all grants may hold together of something that is counted in bytes. A grant has at most as much as it leaves free for
/// all others, so nobody takes the last room.
final class FairBudget: Sendable {
    /// One grant's part of it.
    struct Share: Sendable {
        fileprivate let budget: FairBudget
        fileprivate let grant: String

        /// False when there is no room.
        func take(_ bytes: Int) -> Bool { budget.take(bytes, grant) }
        func give(_ bytes: Int) { budget.give(bytes, grant) }

        /// Nil when there is no room.
        func place(of bytes: Int) -> Place? { take(bytes) ? Place(share: self, bytes: bytes) : nil }
    }

    /// What is held until somebody leaves it, once.
    struct Place: Sendable {
        fileprivate let share: Share
        fileprivate let bytes: Int

        func leave() { share.give(bytes) }
    }

    private struct State {
        var held: [String: Int] = [:]
        var total = 0
    }

    private let capacity: Int
    private let gauge: (@Sendable (Int) -> Void)?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: in bytes.
    ///   - gauge: told what is held each time that this is another; under the lock.
    init(capacity: Int, gauge: (@Sendable (Int) -> Void)? = nil) {
        self.capacity = capacity
        self.gauge = gauge
    }

    /// What is held now, in bytes.
    var size: Int { state.withLock { $0.total } }

    func share(of grant: String) -> Share { Share(budget: self, grant: grant) }

    private func take(_ bytes: Int, _ grant: String) -> Bool {
        state.withLock { state in
            let mine = state.held[grant, default: 0] + bytes
            guard mine <= capacity - state.total - bytes else { return false }
            state.held[grant] = mine
            state.total += bytes
            gauge?(state.total)
            return true
        }
    }

    private func give(_ bytes: Int, _ grant: String) {
        state.withLock { state in
            let left = state.held[grant, default: 0] - bytes
            state.held[grant] = left > 0 ? left : nil
            state.total -= bytes
            gauge?(state.total)
        }
    }
}
