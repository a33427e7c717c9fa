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
}
