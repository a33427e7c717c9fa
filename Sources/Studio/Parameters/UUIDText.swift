import CSodium

/// A UUID in its usual form of 36 characters, kept in lower case.
package struct UUIDText: Sendable, Hashable {
    /// 36 characters, lower case.
    package let text: String

    /// For JSON Schema's `pattern`: version 4, either case.
    package static let version4Pattern =
        "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"

    /// Nil unless the text is 8-4-4-4-12 hexadecimal digits.
    package init?(_ text: String) {
        var lower: [UInt8] = []
        lower.reserveCapacity(36)
        for (i, byte) in text.utf8.enumerated() {
            guard i < 36 else { return nil }
            switch (i, byte) {
            case (8, UInt8(ascii: "-")), (13, UInt8(ascii: "-")), (18, UInt8(ascii: "-")), (23, UInt8(ascii: "-")):
                lower.append(byte)
            case (8, _), (13, _), (18, _), (23, _): return nil
            case (_, UInt8(ascii: "0")...UInt8(ascii: "9")), (_, UInt8(ascii: "a")...UInt8(ascii: "f")):
                lower.append(byte)
            case (_, UInt8(ascii: "A")...UInt8(ascii: "F")): lower.append(byte | 0x20)
            default: return nil
            }
        }
        guard lower.count == 36 else { return nil }
        self.text = String(decoding: lower, as: UTF8.self)
    }

    private init(checked text: String) {
        self.text = text
    }

    /// A new version 4 UUID: 122 random bits from the system's generator.
    package static func random() -> UUIDText {
        var bytes = randomBytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (i, byte) in bytes.enumerated() {
            if i == 4 || i == 6 || i == 8 || i == 10 { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return UUIDText(checked: String(decoding: text, as: UTF8.self))
    }

    /// Whether it says of itself that it is random (RFC 9562, version 4).
    package var isVersion4: Bool {
        let bytes = Array(text.utf8)
        return bytes[14] == UInt8(ascii: "4") && [0x38, 0x39, 0x61, 0x62].contains(bytes[19])
    }
}

/// `count` bytes from the system's cryptographic generator.
package func randomBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        if let base = buffer.baseAddress { randombytes_buf(base, count) }
        filled = count
    }
}

/// SHA-256 of `bytes`.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
        if let base = buffer.baseAddress { crypto_hash_sha256(base, bytes, UInt64(bytes.count)) }
        filled = 32
    }
}
