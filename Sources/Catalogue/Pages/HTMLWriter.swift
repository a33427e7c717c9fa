internal import JSON
internal import MCP

/// Writes a page as bytes. Everything that is not ours goes through `text` or `foreign`.
struct HTMLWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 32 << 10) { bytes.reserveCapacity(capacity) }

    /// Markup of our own.
    mutating func raw(_ markup: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: markup.utf8Start, count: markup.utf8CodeUnitCount))
    }

    /// A text, escaped for elements and for attributes in double quotes.
    mutating func text(_ text: String) {
        for byte in text.utf8 { append(byte) }
    }

    /// A number.
    mutating func number(_ number: Int) { bytes.append(contentsOf: String(number).utf8) }

    /// A text of others: escaped, line ends kept, and whatever can't be seen shown by its number. Ends with an ellipsis where
    /// it would take more than `limit` bytes of the page.
    mutating func foreign(_ text: String, limit: Int = 4 << 10) {
        let end = bytes.count + limit
        for scalar in text.unicodeScalars {
            guard bytes.count < end else {
                raw("…")
                return
            }
            if scalar.isASCII, scalar.value >= 0x20, scalar.value != 0x7F {
                append(UInt8(truncatingIfNeeded: scalar.value))
            } else if scalar == "\n" || scalar == "\t" {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else if scalar != "\r", !scalar.isASCII || scalar.value < 0x20 || scalar.value == 0x7F {
                if LookAlikeNames.isHidden(scalar) {
                    let digits = String(scalar.value, radix: 16, uppercase: true)
                    raw("<mark>U+")
                    self.text(String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
                    raw("</mark>")
                } else {
                    bytes.append(contentsOf: Unicode.UTF8.encode(scalar) ?? .init())
                }
            }
        }
    }

    /// An element of one text of ours.
    mutating func element(_ name: StaticString, _ text: String) {
        raw("<")
        raw(name)
        raw(">")
        self.text(text)
        raw("</")
        raw(name)
        raw(">")
    }

    /// A value as JSON with two spaces for each level, at most `limit` bytes of it.
    mutating func json(_ value: JSONValue, limit: Int) {
        var pretty = PrettyJSON()
        pretty.write(value, 0)
        foreign(pretty.text, limit: limit)
    }

    private mutating func append(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "<"): raw("&lt;")
        case UInt8(ascii: ">"): raw("&gt;")
        case UInt8(ascii: "&"): raw("&amp;")
        case UInt8(ascii: "\""): raw("&quot;")
        default: bytes.append(byte)
        }
    }
}

/// JSON for people to read; small values stay on a line.
struct PrettyJSON {
    private(set) var text = ""

    mutating func write(_ value: JSONValue, _ level: Int) {
        switch value {
        case .object(let members) where !members.isEmpty && !fits(value, level):
            text += "{\n"
            for (index, member) in members.enumerated() {
                indent(level + 1)
                text += JSONValue.string(member.key).text + ": "
                write(member.value, level + 1)
                text += index + 1 < members.count ? ",\n" : "\n"
            }
            indent(level)
            text += "}"
        case .array(let elements) where !elements.isEmpty && !fits(value, level):
            text += "[\n"
            for (index, element) in elements.enumerated() {
                indent(level + 1)
                write(element, level + 1)
                text += index + 1 < elements.count ? ",\n" : "\n"
            }
            indent(level)
            text += "]"
        default: flat(value)
        }
    }

    private mutating func flat(_ value: JSONValue) {
        switch value {
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                text += (index > 0 ? ", " : "") + JSONValue.string(member.key).text + ": "
                flat(member.value)
            }
            text += "}"
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += ", " }
                flat(element)
            }
            text += "]"
        default: text += value.text
        }
    }

    private func fits(_ value: JSONValue, _ level: Int) -> Bool {
        switch value {
        case .object(let members): members.allSatisfy { !$0.value.isContainer } && value.bytes.count + level * 2 < 72
        case .array(let elements): elements.allSatisfy { !$0.isContainer } && value.bytes.count + level * 2 < 72
        default: true
        }
    }

    private mutating func indent(_ level: Int) { text += String(repeating: "  ", count: level) }
}

extension JSONValue {
    fileprivate var isContainer: Bool {
        switch self {
        case .object(let members): !members.isEmpty
        case .array(let elements): !elements.isEmpty
        default: false
        }
    }
}
