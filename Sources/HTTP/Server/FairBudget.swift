import Synchronization

/// What all may hold together of something that is counted in bytes. A holder – a grant, as a rule – has at most as much as
/// he leaves free for all others, so nobody takes the last room. Any thread.
package final class FairBudget: Sendable {
    /// One holder's part of it.
    package struct Share: Sendable {
        fileprivate let budget: FairBudget
        fileprivate let holder: String

        /// False when there is no room for so many bytes more.
        package func take(_ bytes: Int) -> Bool { budget.take(bytes, holder) }
        /// Gives so many bytes back.
        package func give(_ bytes: Int) { budget.give(bytes, holder) }

        /// Takes so many bytes; nil when there is no room.
        package func place(of bytes: Int) -> Place? { take(bytes) ? Place(share: self, bytes: bytes) : nil }

        /// Takes them although there may be no room: for what counts already under another name, and is about to leave.
        package func keep(_ bytes: Int) -> Place {
            budget.keep(bytes, holder)
            return Place(share: self, bytes: bytes)
        }
    }

    /// What is held until somebody leaves it, once.
    package struct Place: Sendable {
        fileprivate let share: Share
        /// How much it is.
        package let bytes: Int

        /// Gives it back.
        package func leave() { share.give(bytes) }
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
    package init(capacity: Int, gauge: (@Sendable (Int) -> Void)? = nil) {
        self.capacity = capacity
        self.gauge = gauge
    }

    /// What is held now, in bytes.
    package var size: Int { state.withLock { $0.total } }

    /// The part of the holder of that name.
    package func share(of holder: String) -> Share { Share(budget: self, holder: holder) }

    private func take(_ bytes: Int, _ holder: String) -> Bool {
        state.withLock { state in
            let mine = state.held[holder, default: 0] + bytes
            guard mine <= capacity - state.total - bytes else { return false }
            note(bytes, holder, &state)
            return true
        }
    }

    private func keep(_ bytes: Int, _ holder: String) { state.withLock { note(bytes, holder, &$0) } }

    private func note(_ bytes: Int, _ holder: String, _ state: inout State) {
        state.held[holder, default: 0] += bytes
        state.total += bytes
        gauge?(state.total)
    }

    private func give(_ bytes: Int, _ holder: String) {
        state.withLock { state in
            let left = state.held[holder, default: 0] - bytes
            state.held[holder] = left > 0 ? left : nil
            state.total -= bytes
            gauge?(state.total)
        }
    }
}
