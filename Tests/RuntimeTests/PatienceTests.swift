import Testing

@testable import Runtime

@Suite struct PatienceTests {
    /// Waits and works in turns; what it would do at the beginning of the next wait.
    private func polls(waits: [UInt64], work: UInt64) -> Bool {
        var patience = Patience()
        var now: UInt64 = 1_000_000_000
        for wait in waits {
            _ = patience.polls(at: now)
            now += wait
            patience.woke(at: now)
            now += work
        }
        return patience.polls(at: now)
    }

    @Test func sleepsUntilItKnowsBetter() {
        #expect(!polls(waits: [], work: 0))
        #expect(!polls(waits: [50_000], work: 10_000))
    }

    @Test func staysAwakeWhileEventsComeSoon() {
        #expect(polls(waits: Array(repeating: 50_000, count: 32), work: 10_000))
    }

    @Test func sleepsWhenEventsAreRare() {
        #expect(!polls(waits: Array(repeating: 5_000_000, count: 32), work: 10_000))
        let quickThenSlow = Array(repeating: UInt64(50_000), count: 32) + Array(repeating: 5_000_000, count: 3)
        #expect(!polls(waits: quickThenSlow, work: 10_000))
    }

    /// One call after the other: each takes longer than the wait for the next.
    @Test func staysAwakeBetweenSingleCalls() {
        #expect(polls(waits: Array(repeating: 30_000, count: 32), work: 100_000))
    }

    /// A loop that serves many in a turn finds its next events waiting; staying awake would only take the processor from
    /// those who send them.
    @Test func sleepsWhenThereIsMuchToDo() {
        #expect(!polls(waits: Array(repeating: 50_000, count: 32), work: 300_000))
    }

    @Test func givesUpAfterItsLimit() {
        var patience = Patience()
        var now: UInt64 = 1_000_000_000
        for _ in 0..<32 {
            _ = patience.polls(at: now)
            now += 20_000
            patience.woke(at: now)
            now += 5_000
        }
        let answers = [now, now + Patience.limit - 1, now + Patience.limit].map { patience.polls(at: $0) }
        #expect(answers == [true, true, false])
    }

    /// The end of a wait that follows `count` waits and turns, from its beginning, in nanoseconds.
    private func expectedEnd(wait: UInt64, work: UInt64, count: Int = 64) -> UInt64? {
        var patience = Patience()
        var now: UInt64 = 1_000_000_000
        for _ in 0..<count {
            _ = patience.polls(at: now)
            now += wait
            patience.woke(at: now)
            #expect(patience.expectedEnd == nil, "there is work")
            now += work
        }
        _ = patience.polls(at: now)
        _ = patience.polls(at: now + 1_000)
        return patience.expectedEnd.map { $0 - now }
    }

    @Test func expectsTheNextEventWithinTwiceWhatItUsuallyTakes() throws {
        let end = try #require(expectedEnd(wait: 30_000, work: 40_000))
        #expect((138_000...142_000).contains(end))
    }

    @Test func expectsNothingBeyondItsLimit() {
        #expect(expectedEnd(wait: 100_000, work: 100_000) == Patience.limit)
    }

    @Test func expectsNothingUntilItKnowsBetter() {
        #expect(expectedEnd(wait: 30_000, work: 40_000, count: 0) == nil)
        #expect(expectedEnd(wait: 30_000, work: 40_000, count: 2) == nil)
    }

    @Test func expectsNothingWhereEventsAreRare() {
        #expect(expectedEnd(wait: 5_000_000, work: 40_000) == nil)
    }

    /// Many connections: events are waiting already.
    @Test func expectsNothingWhereThereIsMuchToDo() {
        #expect(expectedEnd(wait: 5_000, work: 300_000) == nil)
    }
}
