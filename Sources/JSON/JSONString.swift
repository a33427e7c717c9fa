/// The value of a hexadecimal digit, or nil.
func hexNibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
}

/// The UTF-8 of a string's content (between the quotes) that the scanner has accepted.
func decodeEscapes(_ content: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(content.count)
    var i = 0
    func unit(at start: Int) -> UInt32 {
        (0..<4).reduce(0) { value, k in value << 4 | UInt32(hexNibble(content[start + k]) ?? 0) }
    }
    while i < content.count {
        guard content[i] == UInt8(ascii: "\\") else {
            decoded.append(content[i])
            i += 1
            continue
        }
        let escape = content[i + 1]
        i += 2
        switch escape {
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = unit(at: i)
            i += 4
            if scalar & 0xFC00 == 0xD800 {
                scalar = 0x10000 + (scalar & 0x3FF) << 10 + (unit(at: i + 2) & 0x3FF)
                i += 6
            }
            // The scanner has refused lone surrogates, so the scalar always exists.
            if let scalar = Unicode.Scalar(scalar) { decoded.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
        default: decoded.append(escape)
        }
    }
    return decoded
}

/// Well-formed UTF-8 beyond ASCII (Unicode 15, table 3-7).
enum UTF8Sequence {
    /// The length of the well-formed sequence that starts at `position` with a byte ≥ 0x80, or nil.
    static func length(at position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int? {
        func continues(_ i: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + i < text.count && range.contains(text[position + i])
        }
        switch text[position] {
        case 0xC2...0xDF: return continues(1) ? 2 : nil
        case 0xE0: return continues(1, 0xA0...0xBF) && continues(2) ? 3 : nil
        case 0xED: return continues(1, 0x80...0x9F) && continues(2) ? 3 : nil
        case 0xE1...0xEF: return continues(1) && continues(2) ? 3 : nil
        case 0xF0: return continues(1, 0x90...0xBF) && continues(2) && continues(3) ? 4 : nil
        case 0xF1...0xF3: return continues(1) && continues(2) && continues(3) ? 4 : nil
        case 0xF4: return continues(1, 0x80...0x8F) && continues(2) && continues(3) ? 4 : nil
        default: return nil
        }
    }
}

/// Text that a JSON string may hold as it is, byte for byte.
enum PlainText {
    /// The first place from `start` on whose byte is a quote, a backslash, a control character or not ASCII; else the end.
    /// Eight bytes at a time.
    @inline(__always) static func end(from start: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var position = start
        while position + 8 <= text.count, let base = text.baseAddress {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The classic "has a zero byte" and "has a byte below n" tests. They can be wrong only about bytes above one
            // that they are right about, so the lowest is exact.
            let special =
                (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word)
                    | word)
                & highs
            if special != 0 { return position + special.trailingZeroBitCount >> 3 }
            position += 8
        }
        while position < text.count {
            guard isPlain(text[position]) else { break }
            position += 1
        }
        return position
    }

    @inline(__always) static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
