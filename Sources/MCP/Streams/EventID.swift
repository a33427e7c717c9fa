/// The id of an event on a session's streams: which stream, and which event of it.
///
/// Clients take it for an opaque text and give it back in `Last-Event-ID`. It says nothing of other sessions, and means
/// nothing in one.
package struct EventID: Sendable, Hashable, CustomStringConvertible {
    /// The number of the stream in its session.
    package let stream: UInt64
    /// The number of the event in its session, from 1: later events have higher numbers.
    package let number: UInt64

    package init(stream: UInt64, number: UInt64) {
        self.stream = stream
        self.number = number
    }

    /// `<stream>-<number>`, both decimal.
    package var description: String { "\(stream)-\(number)" }

    /// Nil unless `description` could have written the text: what comes in a header is anybody's.
    package init?(_ text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, let stream = Self.number(parts[0]), let number = Self.number(parts[1]) else {
            return nil
        }
        self.init(stream: stream, number: number)
    }

    private static func number(_ digits: some Collection<UInt8>) -> UInt64? {
        guard let first = digits.first, digits.count <= 20, first != 48 || digits.count == 1 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard digit &- 48 < 10 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit &- 48))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }
}
