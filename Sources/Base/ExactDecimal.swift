/// An exact decimal number, `coefficient × 10^-scale`, for money and counters: sums never round.
///
/// Numbers that need more than 38 digits in all are refused (nil) instead of being approximated.
package struct ExactDecimal: Sendable, Hashable, Comparable, CustomStringConvertible {
    // INVARIANT: in lowest terms (no trailing zero in the coefficient unless scale is 0), so == is by value.
    private let coefficient: Int128
    private let scale: Int

    package static let zero = ExactDecimal(0)
    package static let one = ExactDecimal(1)

    package init(_ value: Int64) {
        coefficient = Int128(value)
        scale = 0
    }

    /// Reads the text of a JSON number, `-12.50e3` say. Nil if it is none or does not fit.
    package init?(text: some Sequence<UInt8>) {
        var digits: Int128 = 0
        var scale = 0
        var negative = false
        var exponent = 0
        var exponentNegative = false
        var seenDigit = false
        var part = 0  // 0 integer, 1 fraction, 2 exponent
        var first = true
        var exponentStart = false
        for byte in text {
            switch byte {
            case UInt8(ascii: "-") where first:
                negative = true
            case UInt8(ascii: "-") where exponentStart:
                exponentNegative = true
                exponentStart = false
            case UInt8(ascii: "+") where exponentStart:
                exponentStart = false
            case UInt8(ascii: ".") where part == 0 && seenDigit:
                part = 1
            case UInt8(ascii: "e") where part < 2 && seenDigit, UInt8(ascii: "E") where part < 2 && seenDigit:
                part = 2
                exponentStart = true
                seenDigit = false
            case 48...57:
                seenDigit = true
                if part == 2 {
                    exponentStart = false
                    guard exponent < 100_000 else { return nil }
                    exponent = exponent * 10 + Int(byte - 48)
                } else {
                    let (tenfold, overflow) = digits.multipliedReportingOverflow(by: 10)
                    let (next, carry) = tenfold.addingReportingOverflow(Int128(byte - 48))
                    guard !overflow, !carry else { return nil }
                    digits = next
                    if part == 1 { scale += 1 }
                }
            default:
                return nil
            }
            first = false
        }
        guard seenDigit else { return nil }
        scale -= exponentNegative ? -exponent : exponent
        self.init(coefficient: negative ? -digits : digits, scale: scale)
    }

    private init?(coefficient: Int128, scale: Int) {
        var (coefficient, scale) = (coefficient, scale)
        if coefficient == 0 { scale = 0 }
        while scale > 0, coefficient % 10 == 0 {
            coefficient /= 10
            scale -= 1
        }
        while scale < 0 {
            let (next, overflow) = coefficient.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            coefficient = next
            scale += 1
        }
        guard scale <= 38 else { return nil }
        self.coefficient = coefficient
        self.scale = scale
    }

    package var isNegative: Bool { coefficient < 0 }
    package var isZero: Bool { coefficient == 0 }

    /// The exact sum; nil if it does not fit.
    package func adding(_ other: ExactDecimal) -> ExactDecimal? {
        guard let (a, b, scale) = Self.aligned(self, other) else { return nil }
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? nil : ExactDecimal(coefficient: sum, scale: scale)
    }

    /// The exact difference; nil if it does not fit.
    package func subtracting(_ other: ExactDecimal) -> ExactDecimal? {
        guard let (a, b, scale) = Self.aligned(self, other) else { return nil }
        let (difference, overflow) = a.subtractingReportingOverflow(b)
        return overflow ? nil : ExactDecimal(coefficient: difference, scale: scale)
    }

    package static func < (a: ExactDecimal, b: ExactDecimal) -> Bool {
        if let (x, y, _) = aligned(a, b) { return x < y }
        // Out of range to align: their magnitudes differ by far, so the one with the larger integer part decides.
        if a.isNegative != b.isNegative { return a.isNegative }
        return a.magnitudeOrder < b.magnitudeOrder ? !a.isNegative : a.isNegative
    }

    private var magnitudeOrder: Int {
        var rest = coefficient.magnitude
        var digits = 0
        while rest > 0 {
            rest /= 10
            digits += 1
        }
        return digits - scale
    }

    private static func aligned(_ a: ExactDecimal, _ b: ExactDecimal) -> (Int128, Int128, Int)? {
        if a.scale == b.scale { return (a.coefficient, b.coefficient, a.scale) }
        let scale = max(a.scale, b.scale)
        guard let x = a.raised(to: scale), let y = b.raised(to: scale) else { return nil }
        return (x, y, scale)
    }

    private func raised(to target: Int) -> Int128? {
        var value = coefficient
        for _ in scale..<target {
            let (next, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = next
        }
        return value
    }

    /// Plain decimal text without exponent, readable by `init(text:)` and valid JSON.
    package var description: String {
        guard scale > 0 else { return String(coefficient) }
        var digits = String(coefficient.magnitude)
        if digits.utf8.count <= scale {
            digits = String(repeating: "0", count: scale - digits.utf8.count + 1) + digits
        }
        let point = digits.index(digits.endIndex, offsetBy: -scale)
        return (isNegative ? "-" : "") + digits[..<point] + "." + digits[point...]
    }
}
