import Base
import JSON
import Support
import Testing

@Suite struct NumberTests {
    @Test(arguments: [
        ("0", 0), ("-0", 0), ("-0.0e5", 0), ("1", 1), ("-1", -1), ("1.0", 1), ("1e0", 1), ("10e-1", 1), ("1E+2", 100),
        ("0.5e1", 5),
        ("123456789012345678", 123_456_789_012_345_678), ("9223372036854775807", Int64.max),
        ("-9223372036854775808", Int64.min), ("9223372036854775807.000", Int64.max),
        ("92233720368547758070e-1", Int64.max),
        ("0e999999999999999999999999", 0), ("100000000000000000000e-20", 1),
    ])
    func integers(_ text: String, _ value: Int64) throws {
        let view = try parse(text)
        #expect(view.int == value)
        #expect(view.number?.int == value)
        #expect(view.numberText == text)
        #expect(view.decimal == ExactDecimal(value) || text.hasPrefix("0e9"))
    }

    @Test(arguments: [
        "0.5", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "18446744073709551616",
        "1e999999999999999999999",
        "1e-999999999999999999999", "1.0000000000000000000000000001",
    ])
    func noIntegers(_ text: String) throws {
        #expect(try parse(text).int == nil)
        #expect(JSONNumber(text)?.int == nil)
    }

    @Test(arguments: [
        "", " 1", "1 ", "1\n", "+1", "01", "1.", ".1", "1e", "0x1", "NaN", "true", "\"1\"", "1,2", "-", "--1",
    ])
    func noNumbers(_ text: String) {
        #expect(JSONNumber(text) == nil)
    }

    @Test(arguments: ["null", "true", "\"1\"", "[1]", "{\"a\":1}"])
    func otherKindsHaveNoNumber(_ text: String) throws {
        let view = try parse(text)
        #expect(view.int == nil)
        #expect(view.double == nil)
        #expect(view.number == nil)
        #expect(view.decimal == nil)
        #expect(view.compareNumber(to: try parse("1")) == nil)
        #expect(try parse("1").compareNumber(to: view) == nil)
    }

    @Test(arguments: [
        ("0", "0"), ("-0", "0"), ("0.000e17", "0"), ("1.0", "1"), ("-1.50", "-15e-1"), ("100", "100"), ("1e2", "100"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e21"), ("1000000000000000000000", "1e21"), ("0.001", "1e-3"), ("12.5e-3", "125e-4"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e-999999999999999999999", "1e-999999999999999999999"),
    ])
    func canonicalText(_ text: String, _ canonical: String) throws {
        #expect(JSONNumber(text)?.canonicalText == canonical)
        #expect(String(decoding: try parse(text).canonical(), as: UTF8.self) == canonical)
        #expect(JSONNumber(canonical)?.canonicalText == canonical)
    }

    /// In ascending order; every pair is compared both ways. Numbers in one row are equal.
    @Test func orderIsExact() throws {
        let rows: [[String]] = [
            ["-1e1000000000000000000"],
            ["-1e999999999999999999"],
            ["-1e400"],
            ["-9007199254740993", "-9007199254740993.0"],
            ["-9007199254740992", "-9.007199254740992e15"],
            ["-1.5", "-15e-1", "-0.15E+1"],
            ["-1", "-1.0", "-10e-1"],
            ["-1e-400"],
            ["-1e-1000000000000000000"],
            ["0", "-0", "0.0", "-0e9", "0e1000000000000000000000"],
            ["1e-1000000000000000000"],
            ["1e-400"],
            ["0.1", "1e-1", "0.10"],
            ["0.1000000000000000055511151231257827021181583404541015625"],
            ["1", "1.0", "1e0", "0.1e1", "100e-2", "1e00000000000000000000000"],
            ["1.0000000000000000000000000000000000000000001"],
            ["2"],
            ["9", "90e-1"],
            ["10"],
            ["9007199254740992"],
            ["9007199254740993"],
            ["9223372036854775807"],
            ["9223372036854775808"],
            ["1e308"],
            ["1e309", "10e308"],
            ["1e999999999999999999"],
            ["1e1000000000000000000"],
        ]
        for (i, a) in rows.enumerated() {
            for (j, b) in rows.enumerated() {
                for x in a {
                    for y in b {
                        let (p, q) = try (parse(x), parse(y))
                        if Self.bothBeyondComparing(x, y) {
                            #expect(p.compareNumber(to: q) == (x == y ? 0 : nil))
                            continue
                        }
                        #expect(p.compareNumber(to: q) == (i < j ? -1 : i == j ? 0 : 1), "\(x) against \(y)")
                        #expect((p == q) == (i == j), "\(x) == \(y)")
                        if i == j { #expect(JSONNumber(x).hashValue == JSONNumber(y).hashValue, "\(x), \(y)") }
                    }
                }
            }
        }
    }

    /// Same sign and both exponents longer than 18 digits: the documented nil.
    private static func bothBeyondComparing(_ x: String, _ y: String) -> Bool {
        x.contains("1000000000000000000") && y.contains("1000000000000000000") && !x.hasPrefix("0") && !y.hasPrefix("0")
            && x.hasPrefix("-") == y.hasPrefix("-")
    }

    @Test func comparingAgreesWithDecimals() throws {
        var random = RandomJSON(seed: 11)
        for _ in 0..<5_000 {
            let (s, t) = (random.numberText(), random.numberText())
            let (a, b) = try (parse(s), parse(t))
            guard let x = a.decimal, let y = b.decimal else { continue }
            #expect(a.compareNumber(to: b) == (x < y ? -1 : x == y ? 0 : 1), "\(s) against \(t)")
        }
    }

    @Test func comparingPlainIntegersAgreesWithIntegers() throws {
        var random = SeededGenerator(seed: 12)
        for _ in 0..<5_000 {
            let x = Int64(truncatingIfNeeded: random.next()) >> Int64(random.below(64))
            let y = random.oneIn(4) ? x : Int64(truncatingIfNeeded: random.next()) >> Int64(random.below(64))
            let (a, b) = try (parse(String(x)), parse(String(y)))
            #expect(a.compareNumber(to: b) == (x < y ? -1 : x == y ? 0 : 1))
            #expect(a.int == x)
        }
    }

    @Test func doublesAreTheNearest() throws {
        #expect(try parse("0.1").double == 0.1)
        #expect(try parse("1e400").double == .infinity)
        #expect(try parse("-1e400").double == -.infinity)
        #expect(try parse("1e-400").double == 0)
        #expect(try parse("9007199254740993").double == 9_007_199_254_740_992)
    }
}
