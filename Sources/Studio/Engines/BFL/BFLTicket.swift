import Base
import HTTP
import Synchronization

/// A task that BFL has accepted.
struct BFLTicket: Sendable {
    let id: String
    /// Where to ask for it; one of the places that may have the key.
    let poll: HTTPURL
    /// The model that does it, if it is known.
    var endpoint: String?
    /// What BFL said that it costs.
    var cost: ExactDecimal?
    /// Whether an earlier call has paid for it.
    var isPaid = false
}

/// The accepted tasks of late. BFL says for each where to ask, and knows it there only.
final class TicketBook: Sendable {
    /// The longest accepted goes first: BFL forgets results within minutes.
    private static let capacity = 1_000
    private let kept = Mutex<[BFLTicket]>([])

    /// Remembers a task.
    func keep(_ ticket: BFLTicket) {
        kept.withLock { kept in
            if kept.count >= Self.capacity { kept.removeFirst(Self.capacity / 10) }
            kept.append(ticket)
        }
    }

    /// The task of this id, as an earlier call has left it.
    func ticket(_ id: String) -> BFLTicket? {
        guard var found = kept.withLock({ $0.last { $0.id == id } }) else { return nil }
        found.isPaid = true
        return found
    }
}
