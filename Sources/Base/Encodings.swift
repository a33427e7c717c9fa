/// Base 16 in lower case.
package enum Hex {
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let alphabet = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(alphabet[Int(byte >> 4)])
            text.append(alphabet[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil on an odd length or a character that is no hexadecimal digit.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        func nibble(_ c: UInt8) -> UInt8? {
            switch c {
            case 48...57: c - 48
            case 65...70: c - 55
            case 97...102: c - 87
            default: nil
            }
        }
        let c = Array(text.utf8)
        guard c.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(c.count / 2)
        for i in stride(from: 0, to: c.count, by: 2) {
            guard let high = nibble(c[i]), let low = nibble(c[i + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}

/// Base 64 (RFC 4648): the standard alphabet with padding, and the URL alphabet without.
package enum Base64 {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func encode(_ bytes: [UInt8]) -> String { encode(bytes, standard, padded: true) }
    package static func encodeURL(_ bytes: [UInt8]) -> String { encode(bytes, urlSafe, padded: false) }

    /// Strict: right padding, no white space, no stray bits. Nil otherwise.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var c = Array(text.utf8)
        guard c.count.isMultiple(of: 4) else { return nil }
        for _ in 0..<2 where c.last == UInt8(ascii: "=") { c.removeLast() }
        return decode(c, plus: UInt8(ascii: "+"), slash: UInt8(ascii: "/"))
    }

    /// Strict, without padding. Nil otherwise.
    package static func decodeURL(_ text: some StringProtocol) -> [UInt8]? {
        decode(Array(text.utf8), plus: UInt8(ascii: "-"), slash: UInt8(ascii: "_"))
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], padded: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var i = 0
        while i < bytes.count {
            let a = UInt32(bytes[i])
            let b = i + 1 < bytes.count ? UInt32(bytes[i + 1]) : 0
            let c = i + 2 < bytes.count ? UInt32(bytes[i + 2]) : 0
            let group = a << 16 | b << 8 | c
            let count = min(3, bytes.count - i)
            for k in 0...count { text.append(alphabet[Int(group >> UInt32(18 - 6 * k) & 63)]) }
            if padded { for _ in count..<3 { text.append(UInt8(ascii: "=")) } }
            i += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func decode(_ c: [UInt8], plus: UInt8, slash: UInt8) -> [UInt8]? {
        guard c.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(c.count * 3 / 4)
        var group: UInt32 = 0
        var bits = 0
        for character in c {
            let six: UInt32
            switch character {
            case 65...90: six = UInt32(character) - 65
            case 97...122: six = UInt32(character) - 71
            case 48...57: six = UInt32(character) + 4
            case plus: six = 62
            case slash: six = 63
            default: return nil
            }
            group = group << 6 | six
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        // Bits left over must be zero, or two texts would stand for the same bytes.
        guard group & ((1 << UInt32(bits)) - 1) == 0 else { return nil }
        return bytes
    }
}
