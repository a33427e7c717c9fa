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
        foreign(PrettyJSON.text(value), limit: limit)
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
