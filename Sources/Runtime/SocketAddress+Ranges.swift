// SPEC: IANA special-purpose address registries (RFC 6890 and its successors). What an outside party may make this
// process connect to is judged here, so an address that embeds an IPv4 address is judged as that address.

extension SocketAddress {
    /// Which special range an address lies in.
    package enum Range: Sendable, Hashable {
        case unspecified, loopback, `private`, linkLocal, multicast, reserved, unixSocket, `public`
    }

    /// The range; for IPv4-mapped, IPv4-compatible, NAT64 and 6to4 addresses, that of the IPv4 address inside.
    package var range: Range {
        switch kind {
        case .v4(let bits, _): Self.range(v4: bits)
        case .v6(let high, let low, _, _): Self.range(v6: high, low)
        case .unix: .unixSocket
        }
    }

    /// 127.0.0.0/8 and ::1.
    package var isLoopback: Bool { range == .loopback }
    /// 10/8, 172.16/12, 192.168/16, 100.64/10 (carrier NAT), fc00::/7 and the old site-local fec0::/10.
    package var isPrivate: Bool { range == .private }
    /// 169.254/16 (cloud metadata services live here) and fe80::/10.
    package var isLinkLocal: Bool { range == .linkLocal }
    /// 0.0.0.0/8 and ::, which reach this machine itself.
    package var isUnspecified: Bool { range == .unspecified }
    /// 224/4 and ff00::/8.
    package var isMulticast: Bool { range == .multicast }
    /// None of the special ranges: an address of the open Internet.
    package var isPublic: Bool { range == .public }

    private static func range(v4 bits: UInt32) -> Range {
        func inside(_ prefix: UInt32, _ length: UInt32) -> Bool { bits >> (32 - length) == prefix >> (32 - length) }
        if inside(0x0000_0000, 8) { return .unspecified }
        if inside(0x7F00_0000, 8) { return .loopback }
        if inside(0x0A00_0000, 8) || inside(0xAC10_0000, 12) || inside(0xC0A8_0000, 16) || inside(0x6440_0000, 10) {
            return .private
        }
        if inside(0xA9FE_0000, 16) { return .linkLocal }
        if inside(0xE000_0000, 4) { return .multicast }
        // Protocol assignments, documentation (three), the old 6to4 relay, benchmarking, and 240/4 with broadcast.
        if inside(0xC000_0000, 24) || inside(0xC000_0200, 24) || inside(0xC633_6400, 24) || inside(0xCB00_7100, 24)
            || inside(0xC058_6300, 24) || inside(0xC612_0000, 15) || inside(0xF000_0000, 4)
        {
            return .reserved
        }
        return .public
    }

    private static func range(v6 high: UInt64, _ low: UInt64) -> Range {
        if high == 0 {
            if low == 0 { return .unspecified }
            if low == 1 { return .loopback }
            // ::ffff:a.b.c.d (mapped) and ::a.b.c.d (compatible).
            if low >> 32 == 0xFFFF || low >> 32 == 0 { return range(v4: UInt32(truncatingIfNeeded: low)) }
            // ::ffff:0:a.b.c.d (translated, RFC 2765).
            if low >> 32 == 0xFFFF_0000 { return range(v4: UInt32(truncatingIfNeeded: low)) }
            return .reserved
        }
        // 64:ff9b::/96 (NAT64), and 64:ff9b:1::/48, whose inside is the operator's own affair.
        if high == 0x0064_FF9B_0000_0000, low >> 32 == 0 { return range(v4: UInt32(truncatingIfNeeded: low)) }
        if high >> 16 == 0x0064_FF9B_0001 { return .private }
        // 2002::/16 (6to4) carries the IPv4 address after the prefix.
        if high >> 48 == 0x2002 { return range(v4: UInt32(truncatingIfNeeded: high >> 16)) }
        if high >> 57 == 0xFC >> 1 { return .private }
        if high >> 54 == 0xFE80 >> 6 { return .linkLocal }
        if high >> 54 == 0xFEC0 >> 6 { return .private }
        if high >> 56 == 0xFF { return .multicast }
        // Only 2000::/3 is given out; in it Teredo, benchmarking, ORCHID and documentation are not hosts.
        if high >> 61 != 1 { return .reserved }
        if high >> 32 == 0x2001_0000 || high >> 32 == 0x2001_0DB8 || high >> 16 == 0x2001_0002_0000
            || high >> 36 == 0x200_1001 || high >> 36 == 0x200_1002 || high >> 44 == 0x3FFF0
        {
            return .reserved
        }
        return .public
    }
}
