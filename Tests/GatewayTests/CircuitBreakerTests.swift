import Base
import Testing

@testable import Gateway

/// When calls are kept away from a server, by a clock that is only a number.
@Suite struct CircuitBreakerTests {
    private static func at(_ seconds: Int64) -> TimeSpan { .seconds(1_000 + seconds) }

    private static func isOpen(_ breaker: CircuitBreaker, _ now: TimeSpan) -> Bool {
        do throws(UpstreamError) { try breaker.admit(now) } catch {
            #expect(error.code == .unreachable && !error.mayHaveRun)
            return true
        }
        return false
    }

    @Test func opensAtTheThresholdAndNotBefore() {
        let breaker = CircuitBreaker()
        for count in 1..<CircuitBreaker.threshold {
            breaker.failed("why", Self.at(0))
            #expect(!Self.isOpen(breaker, Self.at(0)), "after \(count)")
        }
        breaker.failed("why", Self.at(0))
        #expect(Self.isOpen(breaker, Self.at(0)))
        #expect(breaker.complaint == "why" && breaker.failuresInARow == CircuitBreaker.threshold)
    }

    @Test func oneCallProbesAndTheOthersWait() {
        let breaker = CircuitBreaker()
        for _ in 0..<CircuitBreaker.threshold { breaker.failed("why", Self.at(0)) }
        #expect(!Self.isOpen(breaker, Self.at(1)), "the pause is over: one may try")
        #expect(Self.isOpen(breaker, Self.at(1)), "and only one")
        breaker.unknown()
        #expect(!Self.isOpen(breaker, Self.at(1)), "the first was cancelled, so another tries")
        breaker.succeeded()
        #expect(breaker.failuresInARow == 0 && breaker.complaint == nil)
        for _ in 0..<3 { #expect(!Self.isOpen(breaker, Self.at(1))) }
    }

    @Test func callsFromBeforeLetNoOtherThrough() {
        let breaker = CircuitBreaker()
        for _ in 0..<CircuitBreaker.threshold { breaker.failed("why", Self.at(0), isTry: false) }
        #expect(!Self.isOpen(breaker, Self.at(1)))
        breaker.unknown(isTry: false)
        #expect(Self.isOpen(breaker, Self.at(1)), "the one that tries is still under way")
        breaker.failed("late", Self.at(1), isTry: false)
        #expect(Self.isOpen(breaker, Self.at(100)), "it still is")
        breaker.failed("why", Self.at(100))
        #expect(!Self.isOpen(breaker, Self.at(200)))
    }

    @Test func aServerIsSilentAfterSeveralCallsInARow() {
        let silence = Silence()
        for _ in 1..<Silence.threshold { silence.grew() }
        #expect(!silence.isLong)
        silence.ended()
        for _ in 1..<Silence.threshold { silence.grew() }
        #expect(!silence.isLong, "something was heard in between")
        silence.grew()
        #expect(silence.isLong && silence.count == Silence.threshold)
        silence.ended()
        #expect(!silence.isLong)
    }

    @Test func pausesGrowToTheLongest() {
        let breaker = CircuitBreaker()
        for _ in 1..<CircuitBreaker.threshold { breaker.failed("why", Self.at(0)) }
        var now: Int64 = 0
        for pause in [1, 2, 4, 8, 16, 30, 30, 30] as [Int64] {
            breaker.failed("why", Self.at(now))
            #expect(Self.isOpen(breaker, TimeSpan(microseconds: Self.at(now + pause).microseconds - 1)), "\(pause)")
            now += pause
            #expect(!Self.isOpen(breaker, Self.at(now)), "after \(pause) seconds one tries")
        }
    }

    @Test func aFewFailuresAmongSuccessesOpenNothing() {
        let breaker = CircuitBreaker()
        for _ in 0..<50 {
            for _ in 1..<CircuitBreaker.threshold { breaker.failed("why", Self.at(0)) }
            breaker.succeeded()
        }
        #expect(!Self.isOpen(breaker, Self.at(0)))
    }

    @Test func successBeginsAnewWithTheShortestPause() {
        let breaker = CircuitBreaker()
        for _ in 0..<20 { breaker.failed("why", Self.at(0)) }
        breaker.succeeded()
        for _ in 0..<CircuitBreaker.threshold { breaker.failed("again", Self.at(100)) }
        #expect(Self.isOpen(breaker, Self.at(100)))
        #expect(!Self.isOpen(breaker, Self.at(101)))
    }
}
