internal import Base

/// A regular expression of a schema: ECMA-262 on paper, RE2 here.
enum SchemaPattern: Sendable {
    case pattern(Pattern)
    /// RE2 can't express it; every string fails, because guessing would let some through.
    case unsupported(String)

    static func compile(_ text: String) -> (pattern: SchemaPattern, problem: String?) {
        guard text.utf8.count <= 4_096 else { return (.unsupported(text), "a pattern has more than 4096 bytes") }
        switch Pattern.compile(translated(text)) {
        case .pattern(let pattern): return (.pattern(pattern), nil)
        case .refused(let reason):
            return (
                .unsupported(text),
                "the pattern `\(clipped(text))` can't be checked by RE2 (\(clipped(reason))); strings that it is about are refused"
            )
        }
    }

    func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        switch self {
        case .pattern(let pattern): pattern.matches(text)
        case .unsupported: false
        }
    }

    /// The few spellings that ECMA-262 and RE2 share in meaning but not in form.
    static func translated(_ text: String) -> String {
        var result = ""
        var rest = Array(text.unicodeScalars)[...]
        var inClass = false
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\\":
                guard let next = rest.popFirst() else {
                    result.append("\\")
                    break
                }
                result.append(escape(next, &rest, inClass: inClass))
            case "[" where !inClass:
                if rest.starts(with: "^]".unicodeScalars) {
                    result.append("[\\x{0}-\\x{10FFFF}]")
                    rest = rest.dropFirst(2)
                } else if rest.first == "]" {
                    result.append("[^\\x{0}-\\x{10FFFF}]")
                    rest = rest.dropFirst()
                } else {
                    inClass = true
                    result.append("[")
                }
            case "[":
                // Inside a class RE2 would look for [:names:].
                result.append("\\[")
            case "]":
                inClass = false
                result.append("]")
            case "("
            where !inClass && rest.starts(with: "?<".unicodeScalars) && !rest.starts(with: "?<=".unicodeScalars)
                && !rest.starts(with: "?<!".unicodeScalars):
                result.append("(?P<")
                rest = rest.dropFirst(2)
            default:
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func escape(_ next: Unicode.Scalar, _ rest: inout ArraySlice<Unicode.Scalar>, inClass: Bool)
        -> String
    {
        switch next {
        case "u":
            if let unit = hex(4, &rest) {
                // A pair of escapes is one character above U+FFFF.
                if unit & 0xFC00 == 0xD800, rest.starts(with: "\\u".unicodeScalars) {
                    var after = rest.dropFirst(2)
                    if let low = hex(4, &after), low & 0xFC00 == 0xDC00 {
                        rest = after
                        return "\\x{\(String(0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF), radix: 16))}"
                    }
                }
                return "\\x{\(String(unit, radix: 16))}"
            }
            return "\\u"
        case "c":
            guard let letter = rest.first, letter.isASCII, letter.properties.isAlphabetic else { return "\\c" }
            rest = rest.dropFirst()
            return "\\x{\(String(letter.value & 31, radix: 16))}"
        case "p", "P":
            guard rest.first == "{", let end = rest.firstIndex(of: "}") else { return "\\" + String(next) }
            var name = rest[rest.index(after: rest.startIndex)..<end].map { String($0) }.joined()
            rest = rest[rest.index(after: end)...]
            for prefix in ["Script=", "sc=", "General_Category=", "gc="] where name.hasPrefix(prefix) {
                name = String(name.dropFirst(prefix.count))
            }
            return "\\\(next){\(categories[name] ?? name)}"
        case "s":
            // ECMA-262 counts all of Unicode's spaces.
            let spaces = "\\t\\n\\v\\f\\r \\x{a0}\\x{feff}\\p{Zs}\\x{2028}\\x{2029}"
            return inClass ? spaces : "[\(spaces)]"
        case "/", "-", "#", " ", "\"", "'", "<", ">", "@", "%", "&", "~", "`", "!", ",", ":", ";", "=", "_":
            return next == "_" || next == " " ? String(next) : "\\" + String(next)
        default: return "\\" + String(next)
        }
    }

    private static func hex(_ count: Int, _ rest: inout ArraySlice<Unicode.Scalar>) -> UInt32? {
        guard rest.count >= count else { return nil }
        let digits = rest.prefix(count).map { String($0) }.joined()
        guard digits.utf8.allSatisfy({ hexValue($0) != nil }), let value = UInt32(digits, radix: 16) else { return nil }
        rest = rest.dropFirst(count)
        return value
    }

    private static let categories = [
        "Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Titlecase_Letter": "Lt",
        "Modifier_Letter": "Lm",
        "Other_Letter": "Lo", "Mark": "M", "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me",
        "Number": "N",
        "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P",
        "punct": "P",
        "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Separator": "Z", "Space_Separator": "Zs",
        "Other": "C",
        "Control": "Cc", "Alphabetic": "L",
    ]
}
