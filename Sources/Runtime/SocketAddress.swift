import CUV
import Glibc

/// Where a socket lives: an IP address with a port, or a path. Never a host name; see ``EventLoop/resolve``.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    enum Kind: Sendable, Hashable {
        /// Host byte order.
        case v4(UInt32, port: UInt16)
        /// The 16 bytes as two big-endian halves.
        case v6(UInt64, UInt64, port: UInt16, scope: UInt32)
        case unix(String)
    }

    let kind: Kind

    init(kind: Kind) {
        self.kind = kind
    }

    /// An IPv4 address in four decimal parts, or an IPv6 address without brackets. Nil for anything else.
    package init?(ip: String, port: UInt16) {
        guard ip.utf8.count <= 64, !ip.utf8.contains(0) else { return nil }
        var v4 = in_addr()
        if inet_pton(AF_INET, ip, &v4) == 1 {
            kind = .v4(UInt32(bigEndian: v4.s_addr), port: port)
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, ip, &v6) == 1 else { return nil }
        let (high, low) = Self.halves(v6)
        kind = .v6(high, low, port: port, scope: 0)
    }

    /// A Unix socket's path; at most 107 bytes, checked when it is used.
    package static func unix(_ path: String) -> SocketAddress { SocketAddress(kind: .unix(path)) }

    /// The address in text, without brackets; nil for a Unix socket.
    package var ip: String? {
        if case .v4(let bits, _) = kind { return Self.text(ofIPv4: bits) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            switch kind {
            case .v4, .unix:
                return nil
            case .v6(let high, let low, _, _):
                var address = Self.address(high, low)
                return inet_ntop(AF_INET6, &address, text.baseAddress, 64).map { String(cString: $0) }
            }
        }
    }

    // COST: asked for with every request; at most fifteen characters, which need no allocation.
    private static func text(ofIPv4 bits: UInt32) -> String {
        String(unsafeUninitializedCapacity: 15) { text in
            var count = 0
            var shift: UInt32 = 32
            while shift > 0 {
                shift -= 8
                let part = UInt8(truncatingIfNeeded: bits >> shift)
                if part >= 100 {
                    text[count] = 0x30 + part / 100
                    count += 1
                }
                if part >= 10 {
                    text[count] = 0x30 + part / 10 % 10
                    count += 1
                }
                text[count] = 0x30 + part % 10
                count += 1
                if shift > 0 {
                    text[count] = UInt8(ascii: ".")
                    count += 1
                }
            }
            return count
        }
    }

    /// The port in host order; nil for a Unix socket.
    package var port: UInt16? {
        switch kind {
        case .v4(_, let port), .v6(_, _, let port, _): port
        case .unix: nil
        }
    }

    /// The path of a Unix socket.
    package var path: String? {
        if case .unix(let path) = kind { path } else { nil }
    }

    /// IPv4 addresses mapped into IPv6 count as IPv6.
    package var isIPv6: Bool {
        if case .v6 = kind { true } else { false }
    }

    /// The same address with another port; a Unix socket stays as it is.
    package func with(port: UInt16) -> SocketAddress {
        switch kind {
        case .v4(let bits, _): SocketAddress(kind: .v4(bits, port: port))
        case .v6(let high, let low, _, let scope): SocketAddress(kind: .v6(high, low, port: port, scope: scope))
        case .unix: self
        }
    }

    /// `127.0.0.1:80`, `[::1]:80` or `unix:/run/x.sock`.
    package var description: String {
        switch kind {
        case .v4(_, let port): "\(ip ?? "?"):\(port)"
        case .v6(_, _, let port, _): "[\(ip ?? "?")]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    private static func halves(_ address: in6_addr) -> (UInt64, UInt64) {
        withUnsafeBytes(of: address) {
            (
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    private static func address(_ high: UInt64, _ low: UInt64) -> in6_addr {
        var address = in6_addr()
        withUnsafeMutableBytes(of: &address) {
            $0.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
            $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return address
    }

    /// Reads what the system wrote; nil for a family other than IPv4 and IPv6.
    init?(system pointer: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(pointer)
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            let address = raw.loadUnaligned(as: sockaddr_in.self)
            kind = .v4(UInt32(bigEndian: address.sin_addr.s_addr), port: UInt16(bigEndian: address.sin_port))
        case AF_INET6:
            let address = raw.loadUnaligned(as: sockaddr_in6.self)
            let (high, low) = Self.halves(address.sin6_addr)
            kind = .v6(high, low, port: UInt16(bigEndian: address.sin6_port), scope: address.sin6_scope_id)
        default:
            return nil
        }
    }

    /// Calls `body` with the address as the system wants it; nil for a Unix socket.
    func withSystemAddress<R>(_ body: (UnsafePointer<sockaddr>) -> R) -> R? {
        switch kind {
        case .v4(let bits, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = bits.bigEndian
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
            }
        case .v6(let high, let low, let port, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = Self.address(high, low)
            address.sin6_scope_id = scope
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
            }
        case .unix:
            return nil
        }
    }
}
