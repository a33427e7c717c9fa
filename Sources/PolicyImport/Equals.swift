internal import Base
internal import JSON

/// Which values of a call Intercept takes for equal to a value of its policy.
///
/// Intercept compares numbers as 64-bit floats, and everything else by the text that Go's `%v` makes of it: `5` equals
/// `"5"`, `true` equals `"true"`, null equals `"<nil>"`. Here, nothing is converted; so a value is translated into all that
/// equal it.
enum Equals {
    /// How far texts and numbers reach for each other.
    enum Reach {
        /// As far as in Intercept.
        case exact
        /// Further: every text that any engine could make of a number. For lists in which more values deny more.
        case wide
    }

    enum Twins {
        case values([JSONValue])
        case refused(ImportCode, String, mend: String?)
    }

    /// Beyond, 64-bit floats skip integers.
    static let exactIntegers: ClosedRange<Int64> = -(1 << 53)...(1 << 53)

    static func twins(of value: ScalarValue, _ reach: Reach) -> Twins {
        switch value {
        case .null: return .values([nil, "<nil>"])
        case .bool(let flag): return .values([.bool(flag), .string(flag ? "true" : "false")])
        case .integer(let text):
            guard let number = Int64(text), exactIntegers.contains(number) else { return .inexact(text) }
            let texts = [String(number)] + (reach == .wide ? [GoText.text(of: Double(number))] : [])
            return .values([.number(JSONNumber(number))] + unique(texts))
        case .decimal(let text):
            guard let (double, number) = exactDecimal(text) else { return .inexact(text) }
            let texts = [GoText.text(of: double)] + (reach == .wide ? [number.text, text] : [])
            return .values([.number(number)] + unique(texts))
        case .string(let text): return twins(ofText: text, reach)
        case .ambiguous(let why): return ambiguous(why)
        }
    }

    static func ambiguous(_ why: String) -> Twins {
        .refused(
            .ambiguousValue, "without quotes, this value is \(why)",
            mend: "put it in quotes if it is text; write true, false or a plain decimal number if it is one")
    }

    private static func unique(_ texts: [String]) -> [JSONValue] {
        var seen: Set<String> = []
        // These are digits; any other texts would have to be compared by their bytes.
        return texts.filter { seen.insert($0).inserted }.map(JSONValue.string)
    }

    private static func twins(ofText text: String, _ reach: Reach) -> Twins {
        if text == "true" || text == "false" { return .values([.string(text), .bool(text == "true")]) }
        if text == "<nil>" { return .values([.string(text), nil]) }
        let isList = text.hasPrefix("[") && text.hasSuffix("]")
        if isList || (text.hasPrefix("map[") && text.hasSuffix("]")) {
            return .refused(
                .inexactText,
                "Intercept also takes lists and objects that print like this for equal to `\(clipped(text))`",
                mend: "compare with a text that no list prints like")
        }
        // The text of zero differs by its sign there, the number does not.
        if text == "0" || text == "-0" {
            return .refused(
                .inexactText, "Intercept tells the numbers 0 and -0 apart when it compares them with a text",
                mend: "write the number 0 without quotes")
        }
        guard let double = Double(text), double.isFinite, text.utf8.first.map({ $0 < 0x3A && $0 != 0x2B }) == true,
            reach == .wide || GoText.text(of: double) == text, let (_, number) = exactDecimal(GoText.json(of: double))
        else { return .values([.string(text)]) }
        return .values([.string(text), .number(number)])
    }

    /// The number if a 64-bit float holds exactly what is written, or what is written is the shortest text of one.
    static func exactDecimal(_ text: String) -> (Double, JSONNumber)? {
        guard let double = Double(text), double.isFinite, let written = JSONNumber(text),
            let shortest = JSONNumber(GoText.json(of: double)), written == shortest
        else { return nil }
        return (double, shortest)
    }
}

extension Equals.Twins {
    static func inexact(_ text: String) -> Equals.Twins {
        .refused(
            .inexactNumber,
            "Intercept rounds `\(clipped(text))` to a 64-bit float, so it is another number there than here",
            mend: "write a number of at most 15 digits, or compare a text")
    }
}

/// Floats as Go's `fmt` prints them with `%v`.
enum GoText {
    static func text(of number: Double) -> String {
        let sign = number.sign == .minus ? "-" : ""
        let (digits, point) = shortest(number)
        guard !digits.isEmpty else { return sign + "0" }
        let exponent = point - 1
        // With the fewest digits, Go writes an exponent below 10^-4 and from 10^6 on.
        if exponent < -4 || exponent >= 6 {
            let rest = digits.count > 1 ? "." + String(digits.dropFirst()) : ""
            let power = String(abs(exponent))
            return "\(sign)\(digits.prefix(1))\(rest)e\(exponent < 0 ? "-" : "+")\(power.count < 2 ? "0" : "")\(power)"
        }
        return sign + plain(digits, point)
    }

    /// The shortest text that reads back as this number, as JSON.
    static func json(of number: Double) -> String {
        let (digits, point) = shortest(number)
        guard !digits.isEmpty else { return "0" }
        guard (-15...21).contains(point) else { return number.description }
        return (number < 0 ? "-" : "") + plain(digits, point)
    }

    private static func plain(_ digits: String, _ point: Int) -> String {
        if point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return digits + String(repeating: "0", count: point - digits.count) }
        return "\(digits.prefix(point)).\(digits.dropFirst(point))"
    }

    /// The fewest digits that tell the number, and where the point stands among them. No digits for zero.
    private static func shortest(_ number: Double) -> (digits: String, point: Int) {
        let parts = abs(number).description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        var digits = mantissa.joined()[...]
        while digits.first == "0" {
            digits = digits.dropFirst()
            point -= 1
        }
        while digits.last == "0" { digits = digits.dropLast() }
        return (String(digits), point)
    }
}
