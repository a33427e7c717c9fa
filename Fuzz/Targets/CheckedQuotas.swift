import Base

@testable import Policy

/// The engine's counters beside a list of everything that was taken, summed anew for every question: what is admitted
/// fits, what is refused does not fit, and a refusal leaves nothing behind.
struct CheckedQuotas: QuotaLedger {
    private(set) var real = QuotaWindows()
    private(set) var taken: [ReservationRecord] = []
    private var latest = Instant(microseconds: .min)

    mutating func reserve(_ requests: [QuotaRequest], at now: Instant) -> QuotaAnswer {
        latest = max(latest, now)
        taken = taken.filter(counts)
        let answer = real.reserve(requests, at: now)
        switch answer {
        case .reserved(let records, let remaining):
            expect(records.count == requests.count && remaining.count == requests.count, "not one record a request")
            for (i, request) in requests.enumerated() {
                expect(records[i].amount == request.amount && records[i].key == request.key, "another record")
                expect(records[i].time == latest, "another time")
                expect(!taken.contains { $0.id == records[i].id }, "an id twice")
                taken.append(records[i])
                guard let total = sum(request.key) else { continue }
                expect(!(request.max < total), "\(total) admitted where \(request.max) is the most")
                expect(request.max.subtracting(total) == remaining[i], "the remainder is wrong")
            }
            check(records)
        case .full(let index, _, let retryAfter):
            var total = sum(requests[index].key)
            for request in requests[...index] where request.key == requests[index].key {
                total = total.flatMap { $0.adding(request.amount) }
            }
            expect(total == nil || requests[index].max < total ?? .zero, "refused what fits")
            expect(retryAfter.map { $0 > .zero } ?? true, "try again at once")
        case .unavailable: break
        }
        return answer
    }

    mutating func release(_ records: [ReservationRecord]) {
        real.release(records)
        taken.removeAll { records.contains($0) }
    }

    /// The counters as they would be after a restart.
    var restored: QuotaWindows {
        var quotas = QuotaWindows()
        quotas.restore(taken.reversed())
        return quotas
    }

    private func counts(_ record: ReservationRecord) -> Bool {
        switch record.key.window.algorithm {
        case .sliding: record.time > latest - record.key.window.span
        case .calendar:
            record.key.window.start(of: record.time) == record.key.window.start(of: latest)
        }
    }

    private func sum(_ key: CounterKey) -> ExactDecimal? {
        var total: ExactDecimal? = .zero
        for record in taken where record.key == key && counts(record) {
            total = total.flatMap { $0.adding(record.amount) }
        }
        return total
    }

    private func check(_ records: [ReservationRecord]) {
        let text = ReservationRecord.encode(records)
        expect(!text.utf8.contains { $0 < 0x20 }, "a record of several lines")
        expect(ReservationRecord.decodeAll(text) == records, "the ledger would read other records: \(text)")
    }
}

/// A verdict in words that can be compared.
func words(_ verdict: consuming Verdict) -> (text: String, taken: [ReservationRecord], isShadow: Bool) {
    switch consume verdict {
    case .permit(let permit):
        let shadow = permit.shadow
        let left = permit.lowestRemaining.map { " \($0)" } ?? ""
        return (
            shadow.map { "shadow_deny " + words($0) } ?? "allow\(left)", permit.forwarded(), shadow != nil
        )
    case .denial(let denial): return ("deny " + words(denial), [], false)
    case .ask(let request): return ("ask \(request.rule) \(request.rules) \(words(request.evidence))", [], false)
    }
}

private func words(_ denial: Denial) -> String {
    let wait = denial.retryAfterMs.map { String($0) } ?? "-"
    return
        "\(denial.rule) \(denial.alias) \(wait) \(denial.remaining ?? "-") \(words(denial.evidence)) \(denial.message)"
}

private func words(_ evidence: [Evidence]) -> String {
    evidence.map { "\($0.condition) \($0.path) \($0.result)" }.joined(separator: "; ")
}
