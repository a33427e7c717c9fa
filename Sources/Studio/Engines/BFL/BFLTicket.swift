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
    /// Whether an earlier result has told what it cost.
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
    func ticket(_ id: String) -> BFLTicket? { kept.withLock { $0.last { $0.id == id } } }

    /// Its result goes to a caller, with its cost; further ones cost nothing.
    func delivered(_ id: String) {
        kept.withLock { kept in
            if let i = kept.lastIndex(where: { $0.id == id }) { kept[i].isPaid = true }
        }
    }
}
