/// An IPv4 or IPv6 address, and networks of them. IPv4-mapped IPv6 addresses count as the IPv4 address they carry, so that
/// a list of IPv4 networks can't be got around by writing the same host in the longer form.
struct IPAddress: Hashable, Sendable {
    /// IPv4 addresses occupy the low 32 bits.
    let bits: UInt128
    let isV4: Bool

    var width: Int { isV4 ? 32 : 128 }

    private init(bits: UInt128, isV4: Bool) {
        self.bits = bits
        self.isV4 = isV4
    }

    private init(v4: UInt32) {
        self.init(bits: UInt128(v4), isV4: true)
    }

    private init(v6: UInt128) {
        if v6 >> 32 == 0xFFFF {
            self.init(v4: UInt32(truncatingIfNeeded: v6))
        } else {
            self.init(bits: v6, isV4: false)
        }
    }

    /// Strict text: four decimal bytes without leading zeros, or RFC 4291 without a zone. Nil otherwise.
    init?(_ text: some Collection<UInt8>) {
        let bytes = Array(text.prefix(64))
        if bytes.contains(UInt8(ascii: ":")) {
            guard let value = Self.readV6(bytes) else { return nil }
            self.init(v6: value)
        } else {
            guard let value = Self.readV4(bytes[...]) else { return nil }
            self.init(v4: value)
        }
    }

    static func v4(_ value: UInt32) -> IPAddress { IPAddress(v4: value) }

    private static func readV4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != 48 else { return nil }
            var byte: UInt32 = 0
            for digit in part {
                guard digit &- 48 < 10 else { return nil }
                byte = byte * 10 + UInt32(digit - 48)
            }
            guard byte < 256 else { return nil }
            value = value << 8 | byte
        }
        return value
    }

    private static func readV6(_ bytes: [UInt8]) -> UInt128? {
        let colon = UInt8(ascii: ":")
        var groups: [UInt16] = []
        var gap: Int?
        var i = 0
        if bytes.count >= 2, bytes[0] == colon, bytes[1] == colon {
            gap = 0
            i = 2
        } else if bytes.first == colon {
            return nil
        }
        while i < bytes.count {
            guard groups.count < 8 else { return nil }
            let end = bytes[i...].firstIndex(of: colon) ?? bytes.count
            let part = bytes[i..<end]
            if part.contains(UInt8(ascii: ".")) {
                guard end == bytes.count, groups.count <= 6, let v4 = readV4(part) else { return nil }
                groups.append(UInt16(v4 >> 16))
                groups.append(UInt16(truncatingIfNeeded: v4))
                i = end
                break
            }
            guard (1...4).contains(part.count) else { return nil }
            var group: UInt16 = 0
            for byte in part {
                guard let nibble = hexValue(byte) else { return nil }
                group = group << 4 | UInt16(nibble)
            }
            groups.append(group)
            i = end
            guard i < bytes.count else { break }
            i += 1
            guard i < bytes.count else { return nil }  // a single colon at the end
            if bytes[i] == colon {
                guard gap == nil else { return nil }
                gap = groups.count
                i += 1
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: [UInt16](repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        return groups.reduce(0) { $0 << 16 | UInt128($1) }
    }

    /// Dotted decimal, or RFC 5952 without brackets.
    var text: String {
        if isV4 {
            let v = UInt32(truncatingIfNeeded: bits)
            return "\(v >> 24).\(v >> 16 & 255).\(v >> 8 & 255).\(v & 255)"
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) }
        var best = 0..<0
        var i = 0
        while i < 8 {
            var end = i
            while end < 8, groups[end] == 0 { end += 1 }
            if end - i > best.count, end - i >= 2 { best = i..<end }
            i = max(end, i + 1)
        }
        func hex(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? hex(0..<8) : hex(0..<best.lowerBound) + "::" + hex(best.upperBound..<8)
    }
}

/// A network in CIDR notation; a lone address is a network of one.
struct IPNetwork: Hashable, Sendable {
    private let prefix: UInt128
    private let shift: Int
    private let isV4: Bool

    /// Nil if the text is no network, or if bits beyond the prefix are set (then the author means something else).
    init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        // A mapped network (::ffff:10.0.0.0/104) counts its prefix in IPv6 bits.
        let isMapped = address.isV4 && parts[0].contains(UInt8(ascii: ":"))
        var length = address.width
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), parts[1].allSatisfy({ $0 &- 48 < 10 }),
                parts[1].count == 1 || parts[1].first != 48,
                var written = Int(String(decoding: parts[1], as: UTF8.self))
            else { return nil }
            if isMapped { written -= 96 }
            guard (0...address.width).contains(written) else { return nil }
            length = written
        } else if parts.count > 2 {
            return nil
        }
        isV4 = address.isV4
        shift = address.width - length
        prefix = address.bits >> UInt128(shift)
        guard prefix << UInt128(shift) == address.bits else { return nil }
    }

    /// Whether every address of the other network lies in this one. Two networks that don't enclose each other are apart.
    func encloses(_ other: IPNetwork) -> Bool {
        isV4 == other.isV4 && shift >= other.shift && other.prefix >> UInt128(shift - other.shift) == prefix
    }

    func contains(_ address: IPAddress) -> Bool {
        address.isV4 == isV4 && address.bits >> UInt128(shift) == prefix
    }
}

func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
}
