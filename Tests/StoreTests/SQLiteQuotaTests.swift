import Base
import Policy
import Store
import Support
import Testing

@testable import StoreSQLite

/// The counters in a file count like those in memory, which are held against a brute-force model in QuotaTests.
@Suite struct SQLiteQuotaTests {
    static let start = Instant(microseconds: 1_767_607_200_000_000)

    static func key(_ counter: String, _ span: TimeSpan, _ algorithm: QuotaWindow.Algorithm = .sliding) -> CounterKey {
        CounterKey(
            scope: .grant, owner: "g|;%\n", server: "s", counter: counter, isNamed: true,
            window: QuotaWindow(span: span, algorithm: algorithm))
    }

    static func request(_ key: CounterKey, _ amount: Int64 = 1, max: Int64) -> QuotaRequest {
        QuotaRequest(key: key, amount: ExactDecimal(amount), max: ExactDecimal(max))
    }

    /// An answer without the ids, which each store gives as it likes.
    static func plain(_ answer: QuotaAnswer) -> QuotaAnswer {
        guard case .reserved(let records, let remaining) = answer else { return answer }
        return .reserved(
            records.map { ReservationRecord(id: 0, key: $0.key, amount: $0.amount, time: $0.time) },
            remaining: remaining)
    }

    /// Random reservations, releases (sometimes twice), clocks that go back, and three connections that take turns, as
    /// three processes would; one of them is closed and opened again now and then.
    @Test(arguments: 0..<6) func agreesWithTheCountersInMemory(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let folder = try TemporaryFolder()
        let path = folder.path + "/counters.db"
        var stores = [try SQLiteQuotas(path: path), try SQLiteQuotas(path: path), try SQLiteQuotas(path: path)]
        var memory = QuotaWindows()
        let keys = [
            Self.key("a", .seconds(10)), Self.key("b", .minutes(1)), Self.key("c", .minutes(1), .calendar),
            Self.key("d", .days(7), .calendar), Self.key("a", .seconds(11)),
        ]
        let maxima = keys.map { _ in ExactDecimal(Int64(1 + random.below(12))) }
        var now = Self.start
        var open: [(file: [ReservationRecord], memory: [ReservationRecord])] = []
        var full = 0
        for step in 0..<250 {
            let pause = random.pick(
                [TimeSpan.zero, .microseconds(1), .milliseconds(300), .seconds(2), .seconds(7), .seconds(-3)])
            now = now + (random.oneIn(40) ? .hours(30) : pause)
            let store = stores[random.below(3)]
            if random.oneIn(4), !open.isEmpty {
                let records = open.remove(at: random.below(open.count))
                for _ in 0..<(random.oneIn(2) ? 2 : 1) {
                    store.release(records.file)
                    memory.release(records.memory)
                }
                continue
            }
            let requests = (0..<(1 + random.below(3))).map { _ -> QuotaRequest in
                let i = random.below(keys.count)
                let amount = random.pick(["1", "1", "0", "0.1", "2.55", "3", "12", "13"])
                return QuotaRequest(key: keys[i], amount: ExactDecimal(text: amount.utf8) ?? .one, max: maxima[i])
            }
            let (found, expected) = (store.reserve(requests, at: now), memory.reserve(requests, at: now))
            try #require(Self.plain(found) == Self.plain(expected), "seed \(seed) step \(step)")
            if case .reserved(let records, _) = found, case .reserved(let twins, _) = expected {
                if random.oneIn(2) { open.append((records, twins)) }
            } else {
                full += 1
            }
            if random.oneIn(30) { stores[random.below(3)] = try SQLiteQuotas(path: path) }
        }
        #expect(full > 10)
    }

    @Test func processesThatReserveAtOnceShareTheLimit() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/counters.db"
        let request = Self.request(Self.key("c", .hours(1)), max: 25)
        let taken = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let store = try SQLiteQuotas(path: path, busyTimeoutMilliseconds: 60_000)
                    return (0..<20).count { _ in
                        if case .reserved = store.reserve([request], at: Self.start) { true } else { false }
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(taken == 25)
    }

    @Test func stateStaysSmallAndForgetsNothingThatCounts() throws {
        let folder = try TemporaryFolder()
        var caps = SQLiteQuotas.Caps()
        caps.maxEntries = 16
        let store = try SQLiteQuotas(path: folder.path + "/counters.db", caps: caps)
        let key = Self.key("big", .minutes(1))
        var first: [ReservationRecord] = []
        for i in 0..<100 {
            let now = Self.start + .milliseconds(Int64(i))
            guard case .reserved(let records, _) = store.reserve([Self.request(key, max: 100)], at: now) else {
                Issue.record("call \(i) fits")
                return
            }
            if i == 0 { first = records }
        }
        // The first call has been merged with others: it can't be given back any more, and still counts.
        store.release(first)
        guard case .full = store.reserve([Self.request(key, max: 100)], at: Self.start + .seconds(1)) else {
            Issue.record("the counter has forgotten calls")
            return
        }
        guard case .reserved = store.reserve([Self.request(key, 100, max: 100)], at: Self.start + .minutes(2)) else {
            Issue.record("the window has ended")
            return
        }
        caps.maxTotal = 1
        let tiny = try SQLiteQuotas(path: folder.path + "/tiny.db", caps: caps)
        #expect(Self.plain(tiny.reserve([Self.request(key, max: 5)], at: Self.start)) != .unavailable)
        #expect(tiny.reserve([Self.request(key, max: 5)], at: Self.start) == .unavailable)
    }

    @Test func whatCantBeReadIsUnavailable() throws {
        let folder = try TemporaryFolder()
        #expect(throws: StoreError.self) { try SQLiteQuotas(path: folder.path) }
        let path = folder.path + "/counters.db"
        let store = try SQLiteQuotas(path: path)
        let request = Self.request(Self.key("c", .hours(1)), max: 25)
        guard case .reserved = store.reserve([request], at: Self.start) else {
            Issue.record("the first call fits")
            return
        }
        let other = try Connection(path: path, access: .write, busyTimeoutMilliseconds: 1_000)
        try other.execute("UPDATE entry SET amount = 'much'")
        #expect(store.reserve([request], at: Self.start) == .unavailable)
        try other.execute("DROP TABLE entry")
        #expect(store.reserve([request], at: Self.start) == .unavailable)
    }
}
