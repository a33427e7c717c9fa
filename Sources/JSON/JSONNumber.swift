/// A JSON number kept as text; compared, hashed and written by its exact value.
package struct JSONNumber: Sendable, Hashable {
    /// As written, valid JSON.
    package let text: String

    init(unchecked text: String) {
        self.text = text
    }

    package init(_ value: Int64) {
        text = String(value)
    }

    /// Nil if the text is no JSON number.
    package init?(_ text: String) {
        guard let root = try? JSONDocument.parse(Array(text.utf8)).root, root.kind == .number,
            root.range.count == text.utf8.count
        else { return nil }
        self.text = text
    }

    /// The integer, if the value is one and fits in 64 bits.
    package var int: Int64? {
        let form = normalForm
        guard !form.isHuge, form.exponent >= 0, form.digits.count + form.exponent <= 19 else {
            return form.digits.isEmpty ? 0 : nil
        }
        var value: UInt64 = 0
        for digit in form.digits { value = value &* 10 &+ UInt64(digit) }
        for _ in 0..<form.exponent { value = value &* 10 }
        if form.isNegative { return value <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- value) : nil }
        return Int64(exactly: value)
    }

    /// -1, 0 or 1; nil when both exponents have more digits than can be compared.
    package func compare(to other: JSONNumber) -> Int? {
        if text == other.text { return 0 }
        let (a, b) = (normalForm, other.normalForm)
        if a.sign != b.sign { return a.sign < b.sign ? -1 : 1 }
        if a.sign == 0 { return 0 }
        if a.isHuge, b.isHuge { return nil }
        let magnitude = a.compareMagnitude(to: b)
        return a.isNegative ? -magnitude : magnitude
    }

    package static func == (a: JSONNumber, b: JSONNumber) -> Bool { a.compare(to: b) == 0 }

    package func hash(into hasher: inout Hasher) {
        let form = normalForm
        hasher.combine(form.digits)
        hasher.combine(form.isHuge ? 0 : form.exponent)
        hasher.combine(form.isNegative)
    }

    /// The one text for this value: plain digits when the integer is short, else digits and a power of ten.
    package var canonicalText: String {
        let form = normalForm
        guard !form.isHuge else { return text }
        guard !form.digits.isEmpty else { return "0" }
        var canonical = (form.isNegative ? "-" : "") + form.digits.map(String.init).joined()
        if (0...20).contains(form.exponent) {
            canonical += String(repeating: "0", count: form.exponent)
        } else {
            canonical += "e\(form.exponent)"
        }
        return canonical
    }

    /// `±0.d₁d₂… × 10^(exponent + count)` with the zeros at both ends taken off: equal values have equal forms.
    private var normalForm: NormalForm { NormalForm(text.utf8) }

    private struct NormalForm {
        var digits: [UInt8] = []
        var exponent = 0
        var isNegative = false
        /// The written exponent has more than 17 digits; `exponent` is then only its sign, saturated.
        var isHuge = false

        init(_ text: String.UTF8View) {
            var fraction = 0
            var inFraction = false
            var written = 0
            var writtenNegative = false
            var inExponent = false
            for byte in text {
                switch byte {
                case UInt8(ascii: "-"): if inExponent { writtenNegative = true } else { isNegative = true }
                case UInt8(ascii: "+"): break
                case UInt8(ascii: "."): inFraction = true
                case UInt8(ascii: "e"), UInt8(ascii: "E"): inExponent = true
                default:
                    let digit = byte &- 48
                    if inExponent {
                        if written < 100_000_000_000_000_000 {
                            written = written * 10 + Int(digit)
                        } else {
                            isHuge = true
                        }
                    } else {
                        digits.append(digit)
                        if inFraction { fraction += 1 }
                    }
                }
            }
            if isHuge { written = Int.max / 4 }
            exponent = (writtenNegative ? -written : written) - fraction
            while digits.last == 0 {
                digits.removeLast()
                exponent += 1
            }
            digits = Array(digits.drop { $0 == 0 })
            if digits.isEmpty {
                exponent = 0
                isNegative = false
                isHuge = false
            }
        }

        var sign: Int { digits.isEmpty ? 0 : isNegative ? -1 : 1 }

        func compareMagnitude(to other: NormalForm) -> Int {
            let (a, b) = (exponent + digits.count, other.exponent + other.digits.count)
            if a != b { return a < b ? -1 : 1 }
            for i in 0..<max(digits.count, other.digits.count) {
                let x = i < digits.count ? digits[i] : 0
                let y = i < other.digits.count ? other.digits[i] : 0
                if x != y { return x < y ? -1 : 1 }
            }
            return 0
        }
    }
}
