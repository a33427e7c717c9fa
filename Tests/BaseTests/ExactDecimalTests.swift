import Base
import Support
import Testing

private func decimal(_ text: String) -> ExactDecimal? { ExactDecimal(text: text.utf8) }

@Suite struct ExactDecimalTests {
    @Test(arguments: [
        ("0", "0"), ("-0", "0"), ("0.000", "0"), ("0e99999", "0"), ("0.0e-99999", "0"), ("1", "1"), ("-1", "-1"),
        ("12.50", "12.5"), ("-12.50e3", "-12500"), ("1E+2", "100"), ("1e-2", "0.01"), ("100e-2", "1"), ("0.1", "0.1"),
        ("-0.05", "-0.05"), ("123456789.123456789", "123456789.123456789"),
        ("1e37", "1" + String(repeating: "0", count: 37)),
        ("1e-38", "0." + String(repeating: "0", count: 37) + "1"), ("1e0000000000001", "10"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("-99999999999999999999999999999999999999", "-99999999999999999999999999999999999999"),
        ("1.00000000000000000000000000000000000000000000000000", "1"),
        ("5000000000000000000000000000000000000000000000000000e-51", "5"),
    ])
    func readsAndWrites(_ text: String, _ plain: String) {
        #expect(decimal(text)?.description == plain)
        #expect(decimal(plain)?.description == plain)
        #expect(decimal(text) == decimal(plain))
    }

    @Test(arguments: [
        "", "-", "+1", ".5", "1.", "1.e5", "e5", "1e", "1e+", "1e-", "--1", "1-", "01", "-01", "00", "1.2.3", "1e2e3",
        "1e2.5", " 1",
        "1 ", "0x10", "1_000", "NaN", "Infinity", "1e39", "1e-39", "1e999999999999999999999",
        "1e-999999999999999999999",
        "1234567890123456789012345678901234567890", "0.1234567890123456789012345678901234567890", "\u{661}",
    ])
    func refuses(_ text: String) {
        #expect(decimal(text) == nil)
    }

    @Test(arguments: [
        ("0.1", "0.2", "0.3"), ("1", "-1", "0"), ("0.1", "-0.10", "0"),
        ("1e20", "1e-15", "100000000000000000000.000000000000001"),
        ("-5", "2.5", "-2.5"),
    ])
    func sums(_ a: String, _ b: String, _ sum: String) throws {
        let (a, b) = try (#require(decimal(a)), #require(decimal(b)))
        #expect(a.adding(b)?.description == sum)
        #expect(b.adding(a)?.description == sum)
        #expect(a.adding(b)?.subtracting(b) == a)
    }

    @Test func whatDoesNotFitIsNil() throws {
        let huge = try #require(decimal("1" + String(repeating: "0", count: 38)))
        let tiny = try #require(decimal("1e-38"))
        let most = try #require(decimal("170141183460469231731687303715884105727"))
        #expect(huge.adding(tiny) == nil)
        #expect(huge.subtracting(tiny) == nil)
        #expect(most.adding(.one) == nil)
        #expect(most.subtracting(ExactDecimal(-1)) == nil)
        #expect(most.adding(.zero) == most)
        #expect(tiny < huge)
        #expect(ExactDecimal.zero < tiny)
    }

    /// Aligning these overflows although both have 39 digits: the one that can't be aligned is the larger.
    @Test func orderHoldsAtTheEdgeOfTheRange() throws {
        let a = try #require(decimal("16000000000000000000000000000000000000.1"))
        let b = try #require(decimal("18000000000000000000000000000000000000"))
        let (minusA, minusB) = try (
            #require(ExactDecimal.zero.subtracting(a)), #require(ExactDecimal.zero.subtracting(b))
        )
        #expect(a < b)
        #expect(!(b < a))
        #expect(minusB < minusA)
        #expect(!(minusA < minusB))
        #expect(minusA < b)
        #expect(!(b < minusA))
    }

    /// Sums, differences, order and equality against school arithmetic on digit strings.
    @Test func agreesWithADigitModel() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            let (s, t) = (Self.randomNumber(&random), Self.randomNumber(&random))
            let (a, b) = try (#require(decimal(s)), #require(decimal(t)))
            let (x, y) = (DigitModel(s), DigitModel(t))
            if let sum = a.adding(b) { #expect(DigitModel(sum.description) == x.adding(y), "\(s) + \(t)") }
            if let difference = a.subtracting(b) {
                #expect(DigitModel(difference.description) == x.adding(y.negated), "\(s) - \(t)")
            }
            #expect((a < b) == (x < y), "\(s) < \(t)")
            #expect((a == b) == (x == y), "\(s) == \(t)")
            if a == b { #expect(a.hashValue == b.hashValue) }
            #expect(a.isNegative == (x < DigitModel("0")))
        }
    }

    private static func randomNumber(_ random: inout SeededGenerator) -> String {
        func digits(_ count: Int) -> String { String((0..<count).map { _ in random.pick(Array("0011234567899")) }) }
        let head = random.oneIn(4) ? "0" : String(random.pick(Array("123456789"))) + digits(random.below(16))
        let fraction = random.oneIn(2) ? "" : "." + digits(1 + random.below(16))
        let exponent = random.oneIn(3) ? random.pick(["e3", "E+0", "e-4", "e1", "E-1"]) : ""
        return (random.oneIn(2) ? "-" : "") + head + fraction + exponent
    }
}

/// Numbers as 80 decimal digits around a fixed point: slow and obvious, the oracle for `ExactDecimal`.
private struct DigitModel: Comparable {
    /// Lowest first; index 40 is the ones.
    private var digits = [Int](repeating: 0, count: 80)
    private var isNegative = false

    init(_ text: String) {
        let parts = text.lowercased().split(separator: "e")
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = mantissa.count > 1 ? mantissa[1] : ""
        for (i, digit) in (mantissa[0] + fraction).reversed().enumerated() {
            let place = 40 + i - fraction.count + exponent
            digits[place] = digit.wholeNumberValue ?? 0
        }
        isNegative = text.hasPrefix("-") && digits.contains { $0 != 0 }
    }

    var negated: DigitModel {
        var other = self
        other.isNegative = !isNegative && digits.contains { $0 != 0 }
        return other
    }

    func adding(_ other: DigitModel) -> DigitModel {
        var sum = self
        if isNegative == other.isNegative {
            var carry = 0
            for i in 0..<80 {
                let d = digits[i] + other.digits[i] + carry
                (sum.digits[i], carry) = (d % 10, d / 10)
            }
            return sum
        }
        let (large, small) = magnitudeIsLess(other) ? (other, self) : (self, other)
        var borrow = 0
        for i in 0..<80 {
            let d = large.digits[i] - small.digits[i] - borrow
            (sum.digits[i], borrow) = (d < 0 ? d + 10 : d, d < 0 ? 1 : 0)
        }
        sum.isNegative = large.isNegative && sum.digits.contains { $0 != 0 }
        return sum
    }

    private func magnitudeIsLess(_ other: DigitModel) -> Bool {
        digits.reversed().lexicographicallyPrecedes(other.digits.reversed())
    }

    static func < (a: DigitModel, b: DigitModel) -> Bool {
        if a.isNegative != b.isNegative { return a.isNegative }
        return a.isNegative ? b.magnitudeIsLess(a) : a.magnitudeIsLess(b)
    }
}
