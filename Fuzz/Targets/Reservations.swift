import Base

@testable import Policy

/// Lines of a ledger's reservations, as they come back after a restart. What is read means the same written again; with
/// whatever was read, the counters can be filled, asked, and given back.
func fuzzReservations(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    var records: [ReservationRecord] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).prefix(64) {
        guard let row = ReservationRecord.decodeAll(String(line)) else { continue }
        let written = ReservationRecord.encode(row)
        expect(ReservationRecord.decodeAll(written) == row, "\(line) becomes \(written)")
        records += row
    }
    var quotas = QuotaWindows()
    quotas.restore(records)
    let now = Instant(microseconds: 1_767_607_200_000_000)
    for record in records {
        let most = record.amount.adding(record.amount) ?? record.amount
        let request = QuotaRequest(key: record.key, amount: record.amount, max: most)
        switch quotas.reserve([request, request], at: now) {
        case .reserved(let taken, let remaining):
            expect(taken.count == 2 && remaining.allSatisfy { !$0.isNegative }, "less than nothing is left")
            quotas.release(taken)
        case .full(let index, let remaining, _): expect(index < 2 && !remaining.isNegative, "no such request")
        case .unavailable: expect(!record.key.window.isPossible, "unavailable for no reason")
        }
    }
    quotas.release(records)
    quotas.prune(at: Instant(microseconds: .max))
    expect(quotas.counterCount <= records.count, "more counters than records")
}
