package import Base

/// Whose calls a limit counts together.
package enum QuotaScope: String, Sendable, CaseIterable {
    case grant, session, identity, server, global
}

/// A span of time and how it moves.
package struct QuotaWindow: Sendable, Hashable {
    /// Where windows start.
    package enum Algorithm: String, Sendable, CaseIterable {
        /// Every span `[t, t + window)` is a window.
        case sliding
        /// Windows start at UTC midnight and every `span` after it, weeks at Monday's midnight.
        case calendar
    }

    /// > 0
    package let span: TimeSpan
    /// How it moves.
    package let algorithm: Algorithm

    /// A window; `isPossible` says whether it makes sense.
    package init(span: TimeSpan, algorithm: Algorithm) {
        self.span = span
        self.algorithm = algorithm
    }

    static let day = TimeSpan.days(1)
    static let week = TimeSpan.days(7)

    /// Calendar windows need a span that fits evenly into a day, or a week: others would start at no natural time.
    var isPossible: Bool {
        guard span.microseconds > 0 else { return false }
        guard algorithm == .calendar, span != Self.week else { return true }
        return Self.day.microseconds.isMultiple(of: span.microseconds)
    }

    /// The start of the calendar window that holds the time.
    func start(of time: Instant) -> Instant {
        // 1970-01-05 was a Monday.
        let shift = span == Self.week ? TimeSpan.days(4).microseconds : 0
        let (shifted, overflow) = time.microseconds.subtractingReportingOverflow(shift)
        guard !overflow, span.microseconds > 0 else { return time }
        var quotient = shifted / span.microseconds
        if shifted % span.microseconds < 0 { quotient -= 1 }
        return Instant(microseconds: quotient &* span.microseconds &+ shift)
    }

    /// When an entry made at `time` stops counting.
    func end(of time: Instant) -> Instant {
        switch algorithm {
        case .sliding: time + span
        case .calendar: start(of: time) + span
        }
    }
}

/// The part of a counter's key that its limit fixes, whoever calls.
///
/// COST: a class with its hash ready, made once for each limit, so that a call's requests are three references each.
final class CounterKind: Sendable, Hashable {
    let scope: QuotaScope
    let counter: String
    let isNamed: Bool
    let window: QuotaWindow
    fileprivate let digest: UInt64

    init(scope: QuotaScope, counter: String, isNamed: Bool, window: QuotaWindow) {
        self.scope = scope
        self.counter = counter
        self.isNamed = isNamed
        self.window = window
        digest = ByteText.digest(counter, UInt64(bitPattern: window.span.microseconds))
    }

    static func == (a: CounterKind, b: CounterKind) -> Bool {
        a === b
            || a.digest == b.digest && a.scope == b.scope && a.isNamed == b.isNamed && a.window == b.window
                && ByteText.same(a.counter, b.counter)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(digest)
    }

    /// The digest of the key that these make together.
    func digest(owner: String, server: String) -> UInt64 {
        ByteText.digest(owner, ByteText.digest(server, digest))
    }
}

/// Which counter. Two limits share a count when, and only when, all of this is equal; a limit's `max` is not part of it, so
/// a policy may change `max` without giving quota back.
///
/// COST: a class with its hash ready, because the counters keep a key for many calls and hand it out with each.
package final class CounterKey: Sendable, Hashable {
    let kind: CounterKind
    /// Whose calls are counted together.
    package var scope: QuotaScope { kind.scope }
    /// The grant's id, the session's id or the identity; empty for `server` and `global`.
    package let owner: String
    /// The server's name; empty where the counter spans servers (named counters of scope `identity` and `global`).
    package let server: String
    /// The name in the policy, or the pointer of the limit that has none.
    package var counter: String { kind.counter }
    /// Whether the policy's author gave the name. Names that the engine makes can't collide with given ones.
    package var isNamed: Bool { kind.isNamed }
    /// The window that the count is about.
    package var window: QuotaWindow { kind.window }
    let digest: UInt64
    /// The key's part of a reservation's text, from the scope to the counter; only in keys that counters keep.
    private let text: [UInt8]?

    /// A key; its digest is worked out at once.
    package convenience init(
        scope: QuotaScope, owner: String, server: String, counter: String, isNamed: Bool, window: QuotaWindow
    ) {
        self.init(
            CounterKind(scope: scope, counter: counter, isNamed: isNamed, window: window), owner: owner, server: server)
    }

    convenience init(_ kind: CounterKind, owner: String, server: String) {
        self.init(kind, owner: owner, server: server, text: nil)
    }

    private init(_ kind: CounterKind, owner: String, server: String, text: [UInt8]?) {
        self.kind = kind
        self.owner = owner
        self.server = server
        self.text = text
        digest = kind.digest(owner: owner, server: server)
    }

    /// The same key with its text ready, for whoever keeps it over many calls.
    ///
    /// COST: the text of a key is written with each call that takes quota; a counter makes it once.
    func kept() -> CounterKey {
        CounterKey(kind, owner: owner, server: server, text: encoded)
    }

    var encoded: [UInt8] {
        if let text { return text }
        let kind = isNamed ? "named" : "own"
        var made = Array("|\(scope.rawValue)|\(window.algorithm.rawValue)|\(window.span.microseconds)|\(kind)".utf8)
        for field in [owner, server, counter] {
            made.append(UInt8(ascii: "|"))
            ReservationRecord.escape(field, into: &made)
        }
        return made
    }

    /// Equal in every part, texts byte by byte.
    package static func == (a: CounterKey, b: CounterKey) -> Bool {
        a === b || a.digest == b.digest && a.isMade(of: b.kind, owner: b.owner, server: b.server)
    }

    /// Whether these parts make this key.
    func isMade(of kind: CounterKind, owner: String, server: String) -> Bool {
        (self.kind === kind || self.kind == kind) && ByteText.same(self.owner, owner)
            && ByteText.same(self.server, server)
    }

    /// Feeds the digest.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(digest)
    }
}

/// One amount that one call took from one counter; what the ledger keeps to rebuild counters after a restart.
package struct ReservationRecord: Sendable, Hashable {
    /// Unique among the entries that still count.
    package let id: UInt64
    /// The counter that it was taken from.
    package let key: CounterKey
    /// ≥ 0
    package let amount: ExactDecimal
    /// When it was taken, on the counters' own clock, which never goes back.
    package let time: Instant

    /// A record as the counters make it, or as it was read from a ledger row.
    package init(id: UInt64, key: CounterKey, amount: ExactDecimal, time: Instant) {
        self.id = id
        self.key = key
        self.amount = amount
        self.time = time
    }

    /// From then on the entry counts no more, and its row need not be replayed.
    package var expires: Instant { key.window.end(of: time) }

    // MARK: Text for the ledger

    /// Fields between `|`, with `%`, `|`, `;` and controls as `%XX`. One line.
    package func encode() -> String { Self.encode([self]) }

    /// COST: once for each call that takes quota: three numbers and the key's own text.
    private func write(to text: inout [UInt8]) {
        text.append(UInt8(ascii: "1"))
        text.append(UInt8(ascii: "|"))
        if let small = Int64(exactly: id) {
            text.append(decimal: small)
        } else {
            text.append(contentsOf: String(id).utf8)
        }
        text.append(UInt8(ascii: "|"))
        text.append(decimal: time.microseconds)
        text.append(UInt8(ascii: "|"))
        amount.write(to: &text)
        text.append(contentsOf: key.encoded)
    }

    /// Nil if the text is none that `encode` has made.
    package static func decode(_ text: some StringProtocol) -> ReservationRecord? {
        let fields = text.utf8.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).map {
            unescaped($0)
        }
        guard fields.count == 11, fields[0] == "1",
            let idText = fields[1], let id = UInt64(idText), let timeText = fields[2], let time = Int64(timeText),
            let amountText = fields[3], let amount = ExactDecimal(text: amountText.utf8), !amount.isNegative,
            let scopeText = fields[4], let scope = QuotaScope(rawValue: scopeText),
            let algorithmText = fields[5], let algorithm = QuotaWindow.Algorithm(rawValue: algorithmText),
            let spanText = fields[6], let span = Int64(spanText), span > 0, let named = fields[7],
            named == "named" || named == "own", let owner = fields[8], let server = fields[9], let counter = fields[10]
        else { return nil }
        let key = CounterKey(
            scope: scope, owner: owner, server: server, counter: counter, isNamed: named == "named",
            window: QuotaWindow(span: TimeSpan(microseconds: span), algorithm: algorithm))
        return ReservationRecord(id: id, key: key, amount: amount, time: Instant(microseconds: time))
    }

    /// All of a call's records in one line; empty for none.
    package static func encode(_ records: [ReservationRecord]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(records.count * 112)
        for (position, record) in records.enumerated() {
            if position > 0 { text.append(UInt8(ascii: ";")) }
            record.write(to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil if any of them can't be read.
    package static func decodeAll(_ text: String) -> [ReservationRecord]? {
        guard !text.isEmpty else { return [] }
        var records: [ReservationRecord] = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            guard let record = decode(part) else { return nil }
            records.append(record)
        }
        return records
    }

    static func escape(_ field: String, into text: inout [UInt8]) {
        func isPlain(_ byte: UInt8) -> Bool {
            byte > 0x20 && byte != 0x7F && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "|")
                && byte != UInt8(ascii: ";")
        }
        var field = field
        field.withUTF8 { bytes in
            if bytes.allSatisfy(isPlain) { return text.append(contentsOf: bytes) }
            for byte in bytes {
                if isPlain(byte) {
                    text.append(byte)
                } else {
                    text.append(UInt8(ascii: "%"))
                    text.append(contentsOf: Hex.encode([byte]).utf8)
                }
            }
        }
    }

    private static func unescaped(_ field: some Collection<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(field)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
