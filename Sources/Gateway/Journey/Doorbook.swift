import Base
import Store
import Synchronization

/// Puts into the ledger who was turned away at the door although we know them: a grant that was revoked, has expired, or
/// is for another server. Strangers leave no row, only a count: anybody could fill the disk with them.
final class Doorbook: Sendable {
    /// One row a grant and rule in this span; a client that keeps knocking is one event, not thousands.
    private static let pause = TimeSpan.seconds(1)

    private let ledger: any Ledger
    private let latest = Mutex<[String: Instant]>([:])

    init(ledger: any Ledger) {
        self.ledger = ledger
    }

    func refused(_ holder: Holder, _ rule: String, requestID: String, now: Instant) {
        let isNews = latest.withLock { latest in
            let key = holder.grant.id + rule
            if let last = latest[key], now < last + Self.pause, last <= now { return false }
            latest[key] = now
            return true
        }
        guard isNews else { return }
        var row = LedgerRow(time: now, requestID: requestID, outcome: .denied)
        row.server = holder.grant.server
        row.grantID = holder.grant.id
        row.grantLabel = holder.grant.label
        row.identity = holder.grant.identity
        row.rule = rule
        row.ruleAlias = rule
        ledger.append(row, completion: nil)
    }
}
