/// A point in time: microseconds since the Unix epoch, UTC. No calendar, no zone, no Foundation.
package struct Instant: Sendable, Hashable, Comparable {
    /// Microseconds since 1970-01-01T00:00:00Z; negative before it.
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }

    /// Saturates at the ends of the range, so that hostile durations can't trap.
    package static func + (instant: Instant, span: TimeSpan) -> Instant {
        Instant(microseconds: saturatingSum(instant.microseconds, span.microseconds))
    }

    /// Saturates like `+`.
    package static func - (instant: Instant, span: TimeSpan) -> Instant {
        let (difference, overflow) = instant.microseconds.subtractingReportingOverflow(span.microseconds)
        guard overflow else { return Instant(microseconds: difference) }
        return Instant(microseconds: span.microseconds > 0 ? .min : .max)
    }

    /// The span from `b` to `a`; negative when `a` is the earlier one. Saturates.
    package static func - (a: Instant, b: Instant) -> TimeSpan {
        let (difference, overflow) = a.microseconds.subtractingReportingOverflow(b.microseconds)
        guard overflow else { return TimeSpan(microseconds: difference) }
        return TimeSpan(microseconds: a.microseconds > b.microseconds ? .max : .min)
    }
}

/// A length of time in microseconds; may be negative.
package struct TimeSpan: Sendable, Hashable, Comparable {
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static let zero = TimeSpan(microseconds: 0)

    package static func microseconds(_ n: Int64) -> TimeSpan { TimeSpan(microseconds: n) }
    package static func milliseconds(_ n: Int64) -> TimeSpan { TimeSpan(microseconds: saturatingProduct(n, 1_000)) }
    package static func seconds(_ n: Int64) -> TimeSpan { TimeSpan(microseconds: saturatingProduct(n, 1_000_000)) }
    package static func minutes(_ n: Int64) -> TimeSpan { .seconds(saturatingProduct(n, 60)) }
    package static func hours(_ n: Int64) -> TimeSpan { .seconds(saturatingProduct(n, 3_600)) }
    package static func days(_ n: Int64) -> TimeSpan { .seconds(saturatingProduct(n, 86_400)) }

    package static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.microseconds < b.microseconds }

    /// Whole milliseconds, rounded up: a wait of this length is never too short.
    package var millisecondsRoundedUp: Int64 {
        let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000)
        return remainder > 0 ? quotient + 1 : quotient
    }
}

private func saturatingSum(_ a: Int64, _ b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    guard overflow else { return sum }
    return b > 0 ? .max : .min
}

private func saturatingProduct(_ a: Int64, _ b: Int64) -> Int64 {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    guard overflow else { return product }
    return (a > 0) == (b > 0) ? .max : .min
}
