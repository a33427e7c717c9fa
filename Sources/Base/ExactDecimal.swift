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

    /// `coefficient × 10^-scale`.
    /// - Precondition: `scale` is 0 to 18.
    package init(_ coefficient: Int64, scale: Int) {
        precondition((0...18).contains(scale))
        var (coefficient, scale) = (coefficient, scale)
        while scale > 0, coefficient % 10 == 0 {
            coefficient /= 10
            scale -= 1
        }
        self.coefficient = Int128(coefficient)
        self.scale = scale
    }

    /// Where in a number's text the reader is; named after what it has just read.
    private enum Part { case sign, zero, integer, point, fraction, e, exponentSign, exponent }

    /// Reads the text of a JSON number, `-12.50e3` say. Nil if it is none or does not fit.
    package init?(text: some Sequence<UInt8>) {
        var part = Part.sign
        var negative = false
        var digits: Int128 = 0
        var scale = 0
        // Zeros count only when another digit follows: `1.000…` of any length is 1.
        var pendingZeros = 0
        var exponent = 0
        var exponentNegative = false
        for byte in text {
            switch (part, byte) {
            case (.sign, UInt8(ascii: "-")) where !negative:
                negative = true
                continue
            case (.sign, 48): part = .zero
            case (.sign, 49...57), (.integer, 48...57): part = .integer
            case (.zero, UInt8(ascii: ".")), (.integer, UInt8(ascii: ".")): part = .point
            case (.point, 48...57), (.fraction, 48...57):
                part = .fraction
                scale += 1
            case (.zero, UInt8(ascii: "e")), (.integer, UInt8(ascii: "e")), (.fraction, UInt8(ascii: "e")),
                (.zero, UInt8(ascii: "E")), (.integer, UInt8(ascii: "E")), (.fraction, UInt8(ascii: "E")):
                part = .e
            case (.e, UInt8(ascii: "+")): part = .exponentSign
            case (.e, UInt8(ascii: "-")):
                part = .exponentSign
                exponentNegative = true
            case (.e, 48...57), (.exponentSign, 48...57), (.exponent, 48...57):
                part = .exponent
                guard exponent < 100_000 else { return nil }
                exponent = exponent * 10 + Int(byte - 48)
            default: return nil
            }
            guard part == .integer || part == .fraction else { continue }
            if byte == 48 {
                pendingZeros += 1
                continue
            }
            if digits != 0 {
                for _ in 0...pendingZeros {
                    let (tenfold, overflow) = digits.multipliedReportingOverflow(by: 10)
                    guard !overflow else { return nil }
                    digits = tenfold
                }
            }
            pendingZeros = 0
            let (next, overflow) = digits.addingReportingOverflow(Int128(byte - 48))
            guard !overflow else { return nil }
            digits = next
        }
        switch part {
        case .zero, .integer, .fraction, .exponent: break
        case .sign, .point, .e, .exponentSign: return nil
        }
        scale -= pendingZeros + (exponentNegative ? -exponent : exponent)
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
        // Only one is ever scaled up. If that overflows, it is larger in magnitude than the other, which fits.
        if a.isNegative != b.isNegative { return a.isNegative }
        return (a.scale < b.scale) == a.isNegative
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

    /// Appends `description`; whole numbers of usual size without making it.
    package func write(to text: inout [UInt8]) {
        guard scale == 0, let small = Int64(exactly: coefficient) else {
            return text.append(contentsOf: description.utf8)
        }
        text.append(decimal: small)
    }

    /// Plain decimal text without exponent, readable by `init(text:)` and valid JSON.
    package var description: String {
        // COST: 128-bit division is slow, and most numbers are small.
        guard scale > 0 else { return Int64(exactly: coefficient).map { String($0) } ?? String(coefficient) }
        var digits = String(coefficient.magnitude)
        if digits.utf8.count <= scale {
            digits = String(repeating: "0", count: scale - digits.utf8.count + 1) + digits
        }
        let point = digits.index(digits.endIndex, offsetBy: -scale)
        return (isNegative ? "-" : "") + digits[..<point] + "." + digits[point...]
    }
}
