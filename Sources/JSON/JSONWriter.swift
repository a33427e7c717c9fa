/// Appends compact JSON to a byte array. Commas and colons come by themselves; balance is the caller's duty.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    package mutating func key(_ key: String) {
        separate()
        quoted(key)
        colon()
    }

    package mutating func string(_ text: String) {
        separate()
        quoted(text)
        needsComma = true
    }

    package mutating func int(_ value: some BinaryInteger) { atom(String(value)) }

    // COST: across modules the generic form stays generic, which is ten times slower.
    package mutating func int(_ value: Int) { atom(String(value)) }
    package mutating func int(_ value: Int64) { atom(String(value)) }
    package mutating func bool(_ value: Bool) { atom(value ? "true" : "false") }
    package mutating func null() { atom("null") }

    /// Appends a finished JSON value as it is.
    package mutating func raw(_ value: [UInt8]) {
        separate()
        bytes.append(contentsOf: value)
        needsComma = true
    }

    /// Appends a finished JSON value as it is.
    package mutating func raw(_ value: String) {
        separate()
        var value = value
        value.withUTF8 { bytes.append(contentsOf: $0) }
        needsComma = true
    }

    /// Appends a finished JSON value as it is.
    package mutating func raw(_ value: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: value)
        needsComma = true
    }

    package mutating func view(_ view: JSONView) { raw(view.rawBytes) }

    /// Makes the string that was written last a key.
    mutating func colon() {
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .number(let number): atom(number.text)
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        }
    }

    // MARK: Members in one call

    package mutating func member(_ key: String, _ text: String) {
        self.key(key)
        string(text)
    }

    package mutating func member(_ key: String, _ number: some BinaryInteger) {
        self.key(key)
        int(number)
    }

    package mutating func member(_ key: String, _ number: Int) {
        self.key(key)
        int(number)
    }

    package mutating func member(_ key: String, _ number: Int64) {
        self.key(key)
        int(number)
    }

    package mutating func member(_ key: String, _ flag: Bool) {
        self.key(key)
        bool(flag)
    }

    /// Leaves the member out when there is no text.
    package mutating func memberIfPresent(_ key: String, _ text: String?) {
        if let text { member(key, text) }
    }

    private mutating func atom(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func quoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            // COST: most strings need no escape; then it is one copy.
            var i = 0
            while true {
                let start = i
                repeat {
                    i = PlainText.end(from: i, in: utf8)
                    while i < utf8.count, utf8[i] >= 0x80 { i += 1 }
                } while i < utf8.count && PlainText.isPlain(utf8[i])
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<i]))
                guard i < utf8.count else { break }
                escaped(utf8[i])
                i += 1
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
        case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
        case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
        case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
        case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
        case 0..<0x20:
            let alphabet = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(alphabet[Int(byte >> 4)])
            bytes.append(alphabet[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }
}
