import HTTP
import Runtime

/// Which pages and host names may reach the gateway: the defence against DNS rebinding.
///
/// Source: MCP 2025-11-25, transports, "Security Warning".
struct HostRules: Sendable {
    private let origins: Set<String>
    private let hosts: Set<String>
    private let isLoopbackOnly: Bool

    init(_ options: GatewayOptions) {
        origins = Set(options.allowedOrigins.map { $0.lowercased() })
        hosts = Set(options.allowedHosts.map { $0.lowercased() })
        isLoopbackOnly = options.listen.isLoopback
    }

    /// No `Origin` is fine (most clients are no browsers); pages of this machine are, and those that are listed.
    func check(_ head: RequestHead) throws(Refusal) {
        if let origin = head.fields[.origin] {
            let text = origin.string.lowercased()
            guard head.fields.count(of: .origin) == 1, origins.contains(text) || Self.isLoopbackOrigin(text) else {
                throw .foreignOrigin
            }
        }
        // COST: the common names are compared as bytes, without making a String.
        let host = Self.name(head.authority)
        if host.equalsIgnoringCase("localhost") || host.equals("127.0.0.1") || host.equals("[::1]") { return }
        if hosts.contains(host.string.lowercased()) { return }
        guard !isLoopbackOnly, hosts.isEmpty else { throw .foreignHost }
    }

    /// The host without its port; an IPv6 address keeps its brackets.
    private static func name(_ authority: ByteText) -> ByteText {
        let bytes = authority.bytes
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), bytes.last != UInt8(ascii: "]") else {
            return authority
        }
        return ByteText(bytes[..<colon])
    }

    private static func isLoopbackOrigin(_ origin: String) -> Bool {
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            let rest = ByteText(Array(origin.utf8.dropFirst(scheme.utf8.count))[...])
            let host = name(rest)
            return host.equals("localhost") || host.equals("127.0.0.1") || host.equals("[::1]")
        }
        return false
    }
}
