package import Base

/// The counters behind limits. Few operations, each atomic, so that a store in another process can offer them too.
package protocol QuotaLedger {
    /// Takes every request, or none. Requests for one counter add up, in order.
    mutating func reserve(_ requests: [QuotaRequest], at now: Instant) -> QuotaAnswer

    /// Takes back exactly these entries, each at most once. Entries that are gone or unknown change nothing.
    mutating func release(_ records: [ReservationRecord])
}

/// What one limit asks of its counter for one call.
///
/// COST: the parts of a key instead of a key, which would be an allocation for each limit of each call.
package struct QuotaRequest: Sendable, Hashable {
    let kind: CounterKind
    let owner: String
    let server: String
    /// That of the key.
    let digest: UInt64
    /// ≥ 0
    package let amount: ExactDecimal
    /// The highest total inside a window, this request included.
    package let max: ExactDecimal

    /// The counter. Made when asked for.
    package var key: CounterKey { CounterKey(kind, owner: owner, server: server) }

    /// A request for a counter that is at hand.
    package init(key: CounterKey, amount: ExactDecimal, max: ExactDecimal) {
        self.init(key.kind, owner: key.owner, server: key.server, amount: amount, max: max)
    }

    /// A request as the engine makes it. `owner` and `server` are as in `CounterKey`.
    init(_ kind: CounterKind, owner: String, server: String, amount: ExactDecimal, max: ExactDecimal) {
        self.kind = kind
        self.owner = owner
        self.server = server
        digest = kind.digest(owner: owner, server: server)
        self.amount = amount
        self.max = max
    }
}

/// What the counters say to the requests of one call.
package enum QuotaAnswer: Sendable, Hashable {
    /// One record and one remainder a request, in their order.
    case reserved([ReservationRecord], remaining: [ExactDecimal])
    /// Nothing was taken. `index` is the first request that does not fit; `retryAfter` is when it would if nobody else
    /// calls, nil if never.
    case full(index: Int, remaining: ExactDecimal, retryAfter: TimeSpan?)
    /// Nothing was taken, because the counters can't be read or there are too many of them.
    case unavailable
}
