internal import Base
package import JSON

extension JSONError {
    /// One sentence about a file that was to be JSON: `message`, or what is more likely the matter with it.
    package func sentence(in bytes: [UInt8]) -> String {
        guard code == .unexpectedByte || code == .trailingData, bytes.indices.contains(offset) else { return message }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return "the text is in UTF-16; save it in UTF-8"
        }
        let byte = bytes[offset]
        guard (0x21...0x7E).contains(byte) else {
            return code == .trailingData
                ? message : "byte 0x\(Hex.encode([byte])) can't stand here; JSON is text in UTF-8"
        }
        let name = "`\(Unicode.Scalar(byte))`"
        if code == .trailingData { return "the document ends before \(name); nothing may follow it" }
        let before = bytes[..<offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        switch (byte, before) {
        case (UInt8(ascii: "#"), _), (UInt8(ascii: "/"), _): return "\(name) can't stand here; JSON has no comments"
        case (UInt8(ascii: "'"), _): return "\(name) can't stand here; JSON has texts in double quotes"
        case (UInt8(ascii: "}"), UInt8(ascii: ",")), (UInt8(ascii: "]"), UInt8(ascii: ",")):
            return "\(name) can't follow a comma; take the comma out"
        case (_, nil): return "JSON can't begin with \(name); a policy begins with `{`"
        default: return "\(name) can't stand here"
        }
    }
}
