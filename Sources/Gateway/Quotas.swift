import Base
import Policy
import Store
import Synchronization

/// The counters of all limits, shared by every loop.
final class Quotas: Sendable {
    private let windows = Mutex(QuotaWindows())

    /// Rebuilds the counts from the ledger: what was reserved and not given back counts on.
    /// - Parameter longestWindow: how far back a limit in force can look.
    /// - Throws: when the ledger can't be read, or holds a text that is no reservation; starting anyway would give quota back.
    func restore(from ledger: any LedgerReader, longestWindow: TimeSpan?, now: Instant) throws(StoreError) {
        guard let longestWindow else { return }
        let held = try ledger.reservations(since: now - longestWindow)
        var records: [ReservationRecord] = []
        for row in held {
            guard let decoded = ReservationRecord.decodeAll(row.reservations) else {
                throw StoreError(
                    .corrupt, "ledger row \(row.seq) holds reservations that can't be read",
                    help: "run `sluice audit verify`; the counters can't be rebuilt from a damaged ledger")
            }
            records += decoded
        }
        windows.withLock { $0.restore(records) }
    }

    func prune(at now: Instant) {
        windows.withLock { $0.prune(at: now) }
    }

    func release(_ records: [ReservationRecord]) {
        guard !records.isEmpty else { return }
        windows.withLock { $0.release(records) }
    }

    /// A handle for one decision.
    var ledger: QuotaHandle { QuotaHandle(quotas: self) }

    fileprivate func reserve(_ requests: [QuotaRequest], at now: Instant) -> QuotaAnswer {
        windows.withLock { $0.reserve(requests, at: now) }
    }
}

/// Lets the policy engine reserve in the shared counters; each operation is atomic.
struct QuotaHandle: QuotaLedger {
    let quotas: Quotas

    mutating func reserve(_ requests: [QuotaRequest], at now: Instant) -> QuotaAnswer {
        quotas.reserve(requests, at: now)
    }

    mutating func release(_ records: [ReservationRecord]) {
        quotas.release(records)
    }
}
