/// Questions about single bytes, by the grammar of RFC 9110 and RFC 3986. All are branch-light: they run for every byte
/// of every head.
enum ASCII {
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09
    static let colon: UInt8 = 0x3A
    static let comma: UInt8 = 0x2C
    static let semicolon: UInt8 = 0x3B
    static let slash: UInt8 = 0x2F

    /// SPEC: RFC 9110 §5.6.2 `tchar`.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        // Bits of "!#$%&'*+-.0-9" (low half) and "A-Z^_`a-z|~" (high half).
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        return byte < 0x80 && ((byte < 64 ? low : high) >> UInt64(byte & 63)) & 1 == 1
    }

    /// SPEC: RFC 9110 §5.5: visible ASCII, space, tab and obs-text; no other control byte.
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == tab
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    @inline(__always)
    static func isLetterOrDigit(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 0x61 < 26 }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// Bytes of a path as sent. SPEC: RFC 3986 `pchar` and "/", and what browsers leave raw (WHATWG URL): `[ ] | ^`.
    @inline(__always)
    static func isPath(_ byte: UInt8) -> Bool {
        guard byte > 0x20 && byte < 0x7F else { return false }
        switch byte {
        case 0x22, 0x23, 0x3C, 0x3E, 0x3F, 0x5C, 0x60, 0x7B, 0x7D: return false  // " # < > ? \ ` { }
        default: return true
        }
    }

    /// Bytes of a query as sent: visible ASCII but "#".
    @inline(__always)
    static func isQuery(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != 0x23 }

    /// Bytes of a registered name or an IPv4 address in an authority; the rest of RFC 3986's sub-delims serve no host
    /// name and confuse comparisons, so they are refused.
    @inline(__always)
    static func isHostName(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F || byte == 0x7E
    }

    /// Whether `count` bytes at `a` are `text`, ignoring ASCII case.
    @inline(__always)
    static func equalsIgnoringCase(_ a: UnsafePointer<UInt8>, _ count: Int, _ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let b = text.utf8Start
        for index in 0..<count where lower(a[index]) != lower(b[index]) { return false }
        return true
    }
}
