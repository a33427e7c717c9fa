import Base
import Support
import Testing

@testable import Policy

@Suite struct QuotaTests {
    static func key(
        _ counter: String = "c", owner: String = "g", span: TimeSpan = .minutes(1),
        _ algorithm: QuotaWindow.Algorithm = .sliding, scope: QuotaScope = .grant
    ) -> CounterKey {
        CounterKey(
            scope: scope, owner: owner, server: "s", counter: counter, isNamed: true,
            window: QuotaWindow(span: span, algorithm: algorithm))
    }

    static func request(_ key: CounterKey, _ amount: Int64 = 1, max: Int64) -> QuotaRequest {
        QuotaRequest(key: key, amount: ExactDecimal(amount), max: ExactDecimal(max))
    }

    // MARK: Against every window

    /// A list of all entries, and sums over it: what the windows must agree with.
    struct BruteForce {
        var entries: [(id: UInt64, key: CounterKey, amount: ExactDecimal, time: Instant)] = []

        func total(_ key: CounterKey, at now: Instant) -> ExactDecimal {
            var sum = ExactDecimal.zero
            for entry in entries where entry.key == key {
                let counts: Bool
                switch key.window.algorithm {
                case .sliding: counts = entry.time.microseconds > now.microseconds - key.window.span.microseconds
                case .calendar:
                    let size = key.window.span.microseconds
                    // 2026-01-05 was a Monday; all times of the test come after it.
                    let origin = Instant(iso8601: "2026-01-05T00:00:00Z")?.microseconds ?? 0
                    counts = (entry.time.microseconds - origin) / size == (now.microseconds - origin) / size
                }
                if counts { sum = sum.adding(entry.amount) ?? sum }
            }
            return sum
        }

        /// The same answer at every later moment, until the request fits.
        func firstFit(_ request: QuotaRequest, after now: Instant) -> Instant? {
            var moments: [Instant] = []
            for entry in entries where entry.key == request.key {
                moments.append(request.key.window.end(of: entry.time))
            }
            for moment in moments.sorted() where moment > now {
                if let sum = total(request.key, at: moment).adding(request.amount), sum <= request.max { return moment }
            }
            return nil
        }
    }

    @Test(arguments: 0..<16) func agreesWithEveryWindow(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var windows = QuotaWindows()
        var model = BruteForce()
        // Windows of every size the language names, and some that it doesn't; scopes and owners make counters differ.
        let short = TimeSpan.seconds(random.pick([1, 10, 60, 90]))
        let long = TimeSpan.seconds(random.pick([900, 3_600, 21_600, 86_400, 604_800]))
        let even = TimeSpan.seconds(random.pick([1, 60, 900, 3_600, 86_400]))
        let scopes = QuotaScope.allCases.shuffled(using: &random)
        let keys = [
            Self.key("a", span: short), Self.key("b", span: long), Self.key("c", span: even, .calendar),
            Self.key("d", span: .days(7), .calendar), Self.key("a", owner: "h", span: short),
            Self.key("a", span: short, scope: scopes[0]), Self.key("a", span: short, scope: scopes[1]),
        ]
        let maxima = keys.map { _ in ExactDecimal(Int64(1 + random.below(12))) }
        var now = monday
        var open: [[ReservationRecord]] = []
        for step in 0..<600 {
            now =
                now
                + [.zero, .microseconds(1), .milliseconds(300), .seconds(2), .seconds(7), .minutes(20), .hours(30)][
                    random.oneIn(20) ? 5 + random.below(2) : random.below(5)]
            if random.oneIn(4), !open.isEmpty {
                // Sometimes twice: the second time must change nothing.
                let records = open.remove(at: random.below(open.count))
                windows.release(records)
                if random.oneIn(2) { windows.release(records) }
                model.entries.removeAll { entry in records.contains { $0.id == entry.id } }
                continue
            }
            let requests = (0..<(1 + random.below(3))).map { _ -> QuotaRequest in
                let i = random.below(keys.count)
                let amount = random.pick(["1", "1", "0", "0.1", "2.55", "3", "12", "13"])
                return QuotaRequest(key: keys[i], amount: ExactDecimal(text: amount.utf8) ?? .one, max: maxima[i])
            }
            var expected = model
            var full: Int?
            for (i, request) in requests.enumerated() {
                guard let sum = expected.total(request.key, at: now).adding(request.amount), sum <= request.max else {
                    full = i
                    break
                }
                expected.entries.append((UInt64.max, request.key, request.amount, now))
            }
            switch windows.reserve(requests, at: now) {
            case .reserved(let records, let remaining):
                #expect(full == nil, "seed \(seed) step \(step): admitted beyond a limit")
                for record in records { model.entries.append((record.id, record.key, record.amount, record.time)) }
                for (i, request) in requests.enumerated()
                where !requests[(i + 1)...].contains(where: { $0.key == request.key }) {
                    #expect(
                        request.max.subtracting(model.total(request.key, at: now)) == remaining[i],
                        "seed \(seed) step \(step)")
                }
                if random.oneIn(2) { open.append(records) }
            case .full(let index, let remaining, let retryAfter):
                #expect(full == index, "seed \(seed) step \(step): denied what fits")
                if requests[..<index].allSatisfy({ $0.key != requests[index].key }) {
                    let request = requests[index]
                    // The same counter may have been filled under a higher `max`.
                    let left = request.max.subtracting(model.total(request.key, at: now)) ?? .zero
                    #expect((left.isNegative ? .zero : left) == remaining, "seed \(seed) step \(step)")
                    #expect(
                        model.firstFit(request, after: now) == retryAfter.map { now + $0 }, "seed \(seed) step \(step)")
                }
            case .unavailable: Issue.record("seed \(seed) step \(step): unavailable")
            }
            if random.oneIn(50) { windows.prune(at: now) }
            if random.oneIn(60) {
                // A restart: what the ledger holds is what counts.
                var fresh = QuotaWindows()
                let records = model.entries.map {
                    ReservationRecord(id: $0.id, key: $0.key, amount: $0.amount, time: $0.time)
                }
                let text = ReservationRecord.encode(records)
                fresh.restore(try #require(ReservationRecord.decodeAll(text)).shuffled(using: &random))
                windows = fresh
            }
        }
    }

    // MARK: One by one

    @Test func slidingWindowIsHalfOpen() {
        var windows = QuotaWindows()
        let request = Self.request(Self.key(), max: 1)
        guard case .reserved = windows.reserve([request], at: monday) else {
            Issue.record("the first call has to pass")
            return
        }
        #expect(
            windows.reserve([request], at: monday + .seconds(60) - .microseconds(1))
                == .full(index: 0, remaining: .zero, retryAfter: .microseconds(1)))
        guard case .reserved = windows.reserve([request], at: monday + .seconds(60)) else {
            Issue.record("a window later the call has to pass")
            return
        }
    }

    @Test func calendarWindowsStartWhereTheyShould() {
        func start(_ span: TimeSpan, _ time: String) -> String? {
            Instant(iso8601: time).map { QuotaWindow(span: span, algorithm: .calendar).start(of: $0).iso8601 }
        }
        #expect(start(.seconds(1), "2026-01-07T10:11:12.9Z") == "2026-01-07T10:11:12.000000Z")
        #expect(start(.minutes(1), "2026-01-07T10:11:12Z") == "2026-01-07T10:11:00.000000Z")
        #expect(start(.hours(1), "2026-01-07T10:11:12Z") == "2026-01-07T10:00:00.000000Z")
        #expect(start(.days(1), "2026-01-07T10:11:12Z") == "2026-01-07T00:00:00.000000Z")
        #expect(start(.days(7), "2026-01-07T10:11:12Z") == "2026-01-05T00:00:00.000000Z")
        #expect(start(.days(7), "2026-01-04T23:59:59Z") == "2025-12-29T00:00:00.000000Z")
        #expect(start(.days(7), "1969-12-30T00:00:00Z") == "1969-12-29T00:00:00.000000Z")
        #expect(start(.minutes(15), "2026-01-07T10:44:59Z") == "2026-01-07T10:30:00.000000Z")
    }

    /// A clock that goes back is held, so no window ends early and none starts anew.
    @Test(arguments: [QuotaWindow.Algorithm.sliding, .calendar]) func clockGoingBackGivesNothing(
        _ algorithm: QuotaWindow.Algorithm
    ) {
        var windows = QuotaWindows()
        let request = Self.request(Self.key("c", span: .minutes(1), algorithm), max: 2)
        guard case .reserved = windows.reserve([request, request], at: monday) else {
            Issue.record("two calls fit")
            return
        }
        for back in [TimeSpan.seconds(1), .minutes(1), .hours(5), .days(400)] {
            guard case .full = windows.reserve([request], at: monday - back) else {
                Issue.record("the clock went back by \(back) and gave quota")
                return
            }
        }
        var restored = QuotaWindows()
        restored.restore([ReservationRecord(id: 7, key: request.key, amount: ExactDecimal(2), time: monday)])
        guard case .full = restored.reserve([request], at: monday - .hours(2)) else {
            Issue.record("a restart with the clock set back gave quota")
            return
        }
    }

    @Test func releaseTakesBackItsOwnEntryOnce() {
        var windows = QuotaWindows()
        let request = Self.request(Self.key(), max: 2)
        guard case .reserved(let first, _) = windows.reserve([request], at: monday),
            case .reserved = windows.reserve([request], at: monday + .seconds(30))
        else {
            Issue.record("two calls fit")
            return
        }
        windows.release(first)
        windows.release(first)
        guard case .reserved(_, let remaining) = windows.reserve([request], at: monday + .seconds(31)) else {
            Issue.record("one was given back")
            return
        }
        #expect(remaining == [.zero])
        // A release that comes after its window must not eat into the next one.
        guard
            case .reserved(let late, _) = windows.reserve(
                [Self.request(Self.key("d"), max: 1)], at: monday + .seconds(40)),
            case .reserved = windows.reserve([Self.request(Self.key("d"), max: 1)], at: monday + .seconds(100))
        else {
            Issue.record("one call a minute fits")
            return
        }
        windows.release(late)
        #expect(
            windows.reserve([Self.request(Self.key("d"), max: 1)], at: monday + .seconds(101))
                == .full(index: 0, remaining: .zero, retryAfter: .seconds(59)))
    }

    @Test func whatNeverFitsHasNoWait() {
        var windows = QuotaWindows()
        #expect(
            windows.reserve([Self.request(Self.key(), 5, max: 4)], at: monday)
                == .full(index: 0, remaining: ExactDecimal(4), retryAfter: nil))
        // Two limits on one counter add up in one call: 2 + 2 never fits in 3.
        let two = Self.request(Self.key(), 2, max: 3)
        #expect(
            windows.reserve([two, two], at: monday) == .full(index: 1, remaining: ExactDecimal(1), retryAfter: nil))
        #expect(windows.counterCount <= 1)
    }

    @Test func stateStaysSmall() {
        var caps = QuotaWindows.Caps()
        caps.maxEntries = 64
        caps.maxCounters = 10
        var windows = QuotaWindows(caps: caps)
        for i in 0..<10_000 {
            let now = monday + .milliseconds(Int64(i))
            guard case .reserved = windows.reserve([Self.request(Self.key("big"), max: 1_000_000)], at: now) else {
                Issue.record("call \(i) fits")
                return
            }
        }
        // All of them still count: merged entries never leave early.
        guard
            case .full(_, let remaining, _) = windows.reserve(
                [Self.request(Self.key("big"), 1, max: 10_000)], at: monday + .seconds(10))
        else {
            Issue.record("the counter has forgotten calls")
            return
        }
        #expect(remaining == .zero)
        // Idle counters go as new ones come; busy ones are not thrown out for them.
        for i in 0..<1_000 {
            let now = monday + .minutes(2) + .seconds(Int64(i) * 61)
            guard case .reserved = windows.reserve([Self.request(Self.key("s\(i)"), max: 1)], at: now) else {
                Issue.record("counter \(i) fits")
                return
            }
        }
        #expect(windows.counterCount <= 10)
        let later = monday + .days(1)
        for i in 0..<10 { _ = windows.reserve([Self.request(Self.key("t\(i)"), max: 1)], at: later) }
        #expect(windows.reserve([Self.request(Self.key("one too many"), max: 1)], at: later) == .unavailable)
    }

    @Test func recordsSurviveTheirText() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<300 {
            func text() -> String {
                (0..<random.below(8)).map { _ in
                    random.pick(["a", "|", ";", "%", "\n", "é", "😀", " ", "\u{7f}", "%7C"])
                }.joined()
            }
            let record = ReservationRecord(
                id: random.next(),
                key: CounterKey(
                    scope: random.pick(QuotaScope.allCases), owner: text(), server: text(), counter: text(),
                    isNamed: random.oneIn(2),
                    window: QuotaWindow(
                        span: .seconds(Int64(1 + random.below(100_000))),
                        algorithm: random.pick(QuotaWindow.Algorithm.allCases))),
                amount: ExactDecimal(text: "\(random.below(1000)).\(random.below(1000))".utf8) ?? .one,
                time: Instant(microseconds: Int64(random.below(1 << 50))))
            let line = record.encode()
            #expect(ReservationRecord.decode(line) == record)
            #expect(!line.contains("\n"))
            #expect(ReservationRecord.decodeAll(ReservationRecord.encode([record, record])) == [record, record])
        }
        #expect(ReservationRecord.decodeAll("") == [])
        #expect(ReservationRecord.decode("1|2|3") == nil)
        #expect(ReservationRecord.decode("2|1|0|1|grant|sliding|60000000|named|g|s|c") == nil)
        #expect(ReservationRecord.decode("1|1|0|-1|grant|sliding|60000000|named|g|s|c") == nil)
    }

    /// Ids from which counters could not count on are brought down, and their entries still count.
    @Test func absurdIDsCount() {
        var windows = QuotaWindows()
        let key = Self.key()
        windows.restore(
            [UInt64.max, .max, .max - 1, UInt64(Int64.max)].map {
                ReservationRecord(id: $0, key: key, amount: ExactDecimal(1), time: monday)
            })
        guard case .reserved(let records, let remaining) = windows.reserve([Self.request(key, max: 6)], at: monday)
        else {
            Issue.record("not reserved")
            return
        }
        #expect(remaining == [ExactDecimal(1)])
        windows.release(records)
        guard case .full = windows.reserve([Self.request(key, 3, max: 6)], at: monday) else {
            Issue.record("admitted too much")
            return
        }
    }
}
