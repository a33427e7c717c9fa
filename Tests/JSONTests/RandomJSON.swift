import JSON
import Support

/// Random values and random spellings of them, from a seed.
struct RandomJSON {
    var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func value(depth: Int = 4) -> JSONValue {
        switch random.below(depth > 0 ? 8 : 5) {
        case 0: return .null
        case 1: return .bool(random.oneIn(2))
        case 2: return .int(Int64(truncatingIfNeeded: random.next()) >> Int64(random.below(64)))
        case 3: return JSONNumber(numberText()).map(JSONValue.number) ?? .null
        case 4: return .string(text())
        case 5: return .array((0..<random.below(6)).map { _ in value(depth: depth - 1) })
        default:
            var keys: Set<String> = []
            var members: [JSONMember] = []
            for _ in 0..<random.below(random.oneIn(8) ? 30 : 5) {
                let key = text()
                if keys.insert(key).inserted { members.append(JSONMember(key, value(depth: depth - 1))) }
            }
            return .object(members)
        }
    }

    /// Strings of every class that a scanner treats differently.
    mutating func text() -> String {
        let alphabet: [Unicode.Scalar] = [
            "a", "b", "z", "0", " ", "/", "\"", "\\", "\n", "\t", "\u{0}", "\u{1F}", "\u{7F}", "\u{80}", "\u{E9}",
            "\u{7FF}", "\u{800}",
            "\u{2028}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{1F600}", "\u{10FFFF}",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<random.below(random.oneIn(10) ? 40 : 9) { text.append(random.pick(alphabet)) }
        return String(text)
    }

    mutating func numberText() -> String {
        func digits(_ count: Int) -> String { String((0..<count).map { _ in random.pick(Array("0012345678900")) }) }
        let head = random.oneIn(3) ? "0" : String(random.pick(Array("123456789"))) + digits(random.below(24))
        let fraction = random.oneIn(2) ? "" : "." + digits(1 + random.below(24))
        let exponent = random.oneIn(2) ? "" : random.pick(["e", "E", "e+", "E-", "e-"]) + digits(1 + random.below(3))
        return (random.oneIn(2) ? "-" : "") + head + fraction + exponent
    }

    /// The value as JSON with white space, escapes and member order chosen at random.
    mutating func spell(_ value: JSONValue) -> String {
        switch value {
        case .null: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .number(let number): return number.text
        case .string(let text): return spell(text)
        case .array(let elements):
            let inside = elements.map { space() + spell($0) + space() }
            return "[" + (inside.isEmpty ? space() : inside.joined(separator: ",")) + "]"
        case .object(let members):
            let inside = members.shuffled(using: &random).map {
                space() + spell($0.key) + space() + ":" + space() + spell($0.value) + space()
            }
            return "{" + (inside.isEmpty ? space() : inside.joined(separator: ",")) + "}"
        }
    }

    private mutating func space() -> String { random.pick(["", "", "", " ", "\n", "\t\r\n  "]) }

    private mutating func spell(_ text: String) -> String {
        var spelled = "\""
        for scalar in text.unicodeScalars {
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            guard mustEscape || random.oneIn(6) else {
                spelled.unicodeScalars.append(scalar)
                continue
            }
            let short: [Unicode.Scalar: String] = [
                "\"": "\\\"", "\\": "\\\\", "/": "\\/", "\u{8}": "\\b", "\u{C}": "\\f", "\n": "\\n", "\r": "\\r",
                "\t": "\\t",
            ]
            if let escape = short[scalar], random.oneIn(2) {
                spelled += escape
            } else {
                for unit in String(scalar).utf16 {
                    let hex = String(unit, radix: 16, uppercase: random.oneIn(2))
                    spelled += "\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex
                }
            }
        }
        return spelled + "\""
    }
}

func parse(_ text: String, limits: JSONLimits = .standard) throws -> JSONView {
    try JSONDocument.parse(Array(text.utf8), limits: limits).root
}

/// The code of the refusal, or nil when the text is accepted.
func refusal(_ bytes: [UInt8], limits: JSONLimits = .standard) -> JSONError.Code? {
    do throws(JSONError) {
        _ = try JSONDocument.parse(bytes, limits: limits)
        return nil
    } catch {
        return error.code
    }
}

func refusal(_ text: String, limits: JSONLimits = .standard) -> JSONError.Code? {
    refusal(Array(text.utf8), limits: limits)
}
