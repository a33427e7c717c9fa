/// A value of the document that is imported, YAML or JSON, with its place.
struct SourceNode: Sendable {
    enum Shape: Sendable {
        case scalar(String, Style)
        case list([SourceNode])
        case map([(key: SourceNode, value: SourceNode)])
    }

    /// How a scalar was written, which decides what it is.
    enum Style: Sendable {
        /// In quotes, or a YAML block: a string, whatever it looks like.
        case quoted
        /// YAML without quotes: its text decides.
        case plain
        /// JSON's literals and numbers.
        case json
    }

    /// Byte offset in the document.
    let offset: Int
    let shape: Shape

    /// YAML's and JSON's null, and YAML's nothing at all.
    var isNull: Bool {
        guard case .scalar(let text, let style) = shape, style != .quoted else { return false }
        return text.isEmpty || text == "~" || PlainScalar.nulls.contains(text)
    }

    /// The text of a scalar in a place that holds text. There, Intercept takes `5` and `no` as they are written; JSON has
    /// quotes for that.
    var text: String? {
        guard case .scalar(let text, let style) = shape, style != .json, !isNull else { return nil }
        return text
    }

    /// A scalar in a place that holds any value. Nil for lists and maps.
    var value: ScalarValue? {
        guard case .scalar(let text, let style) = shape else { return nil }
        return style == .quoted ? .string(text) : PlainScalar.value(of: text, isJSON: style == .json)
    }

    /// With its article, for sentences.
    var phrase: String {
        switch shape {
        case .list: "a list"
        case .map: "a mapping"
        case .scalar:
            switch value {
            case .null, nil: "nothing"
            case .bool: "a boolean"
            case .integer, .decimal: "a number"
            case .string, .ambiguous: "text"
            }
        }
    }
}

/// What a scalar is.
enum ScalarValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// Digits with an optional sign, as JSON writes them.
    case integer(String)
    /// With a point or an exponent, as JSON writes it.
    case decimal(String)
    case string(String)
    /// YAML 1.1, YAML 1.2 and Intercept's reader disagree about it, or people do: what it looks like.
    case ambiguous(String)
}

/// What YAML scalars without quotes are: only what YAML 1.1, YAML 1.2 and Intercept's reader (yaml.v3) agree on.
enum PlainScalar {
    static let nulls: Set<String> = ["null", "Null", "NULL"]
    private static let yes: Set<String> = ["true", "True", "TRUE"]
    private static let no: Set<String> = ["false", "False", "FALSE"]
    private static let switches: Set<String> = ["y", "yes", "on", "n", "no", "off"]
    private static let extremes: Set<String> = [".inf", "-.inf", "+.inf", ".nan"]

    static func value(of text: String, isJSON: Bool) -> ScalarValue {
        if text.isEmpty || text == "~" || nulls.contains(text) { return .null }
        if yes.contains(text) { return .bool(true) }
        if no.contains(text) { return .bool(false) }
        if isJSON { return text.utf8.contains { ".eE".utf8.contains($0) } ? .decimal(text) : .integer(text) }
        let lower = text.lowercased()
        if switches.contains(lower) { return .ambiguous("a boolean to some YAML readers and text to others") }
        if extremes.contains(lower) { return .ambiguous("no number that a call could carry") }
        if text == "=" || text == "<<" { return .ambiguous("a sign of YAML 1.1") }
        if let number = number(Array(text.utf8)) { return number }
        return oddNumber(lower) ?? .string(text)
    }

    /// Plain decimal integers, and decimals that every reader takes as such.
    private static func number(_ bytes: [UInt8]) -> ScalarValue? {
        var rest = bytes[...]
        var sign = ""
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            if first == UInt8(ascii: "-") { sign = "-" }
            rest = rest.dropFirst()
        }
        let whole = digits(&rest)
        guard whole.count < 2 || whole.first != UInt8(ascii: "0") else { return nil }
        if rest.isEmpty { return whole.isEmpty ? nil : .integer(sign + text(whole)) }
        guard rest.popFirst() == UInt8(ascii: ".") else { return nil }
        let fraction = digits(&rest)
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        var number = sign + (whole.isEmpty ? "0" : text(whole)) + "." + (fraction.isEmpty ? "0" : text(fraction))
        if rest.isEmpty { return .decimal(number) }
        // YAML 1.1 takes an exponent only with a point before it and a sign.
        guard let e = rest.popFirst(), e == UInt8(ascii: "e") || e == UInt8(ascii: "E"), let mark = rest.popFirst(),
            mark == UInt8(ascii: "-") || mark == UInt8(ascii: "+")
        else { return nil }
        let exponent = digits(&rest)
        guard !exponent.isEmpty, rest.isEmpty else { return nil }
        number += "e" + (mark == UInt8(ascii: "-") ? "-" : "+") + text(exponent)
        return .decimal(number)
    }

    private static func digits(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let found = rest.prefix { $0 &- 48 < 10 }
        rest = rest.dropFirst(found.count)
        return found
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Numbers to one reader and text, or another number, to the next.
    private static func oddNumber(_ lower: String) -> ScalarValue? {
        var rest = lower.utf8.filter { $0 != UInt8(ascii: "_") }[...]
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        guard let first = rest.first, first &- 48 < 10 || first == UInt8(ascii: ".") else { return nil }
        if isDate(lower) { return .ambiguous("a date to some YAML readers") }
        if rest.count > 2, first == UInt8(ascii: "0"), let mark = rest.dropFirst().first, "xob".utf8.contains(mark) {
            let isNumber = rest.dropFirst(2).allSatisfy { $0 &- 48 < 10 || (mark == UInt8(ascii: "x") && $0 &- 97 < 6) }
            if isNumber { return .ambiguous("a number in another base, or text, by reader") }
        }
        if rest.contains(UInt8(ascii: ":")), rest.allSatisfy({ $0 &- 48 < 10 || ":.".utf8.contains($0) }) {
            return .ambiguous("a number in base 60 to YAML 1.1, and text to others")
        }
        // What is left of digits, one point and one exponent: leading zeros, underscores, `1e3`.
        _ = digits(&rest)
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            _ = digits(&rest)
        }
        if rest.first == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if let mark = rest.first, mark == UInt8(ascii: "-") || mark == UInt8(ascii: "+") { rest = rest.dropFirst() }
            guard !digits(&rest).isEmpty else { return nil }
        }
        // A lone point, or a sign and a point, is text to everybody.
        guard rest.isEmpty, lower.utf8.contains(where: { $0 &- 48 < 10 }) else { return nil }
        return .ambiguous("a number to some YAML readers, and text or another number to others")
    }

    private static func isDate(_ lower: String) -> Bool {
        let bytes = Array(lower.utf8)
        let parts = bytes.prefix { $0 &- 48 < 10 || $0 == UInt8(ascii: "-") }
        let numbers = parts.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard numbers.count == 3, numbers[0].count == 4, (1...2).contains(numbers[1].count),
            (1...2).contains(numbers[2].count)
        else { return false }
        return parts.count == bytes.count || [UInt8(ascii: "t"), UInt8(ascii: " "), 9].contains(bytes[parts.count])
    }
}
