import HTTP
import Runtime

/// Which pages and host names may reach a listener: the defence against DNS rebinding. Both planes keep to it.
///
/// Source: MCP 2025-11-25, transports, "Security Warning".
package struct HostRules: Sendable {
    /// Why a request may not come in.
    package enum Problem: Error, Sendable {
        /// A page of another origin sent it, or it has several origins.
        case foreignOrigin
        /// It asks for a host that we are not.
        case foreignHost
    }

    private let origins: Set<String>
    private let hosts: Set<String>
    private let isLoopbackOnly: Bool

    /// Rules for a listener at `listen`: `hosts` are names it is known by and `origins` web origins that may call, both
    /// beside those of this machine and whatever their case.
    package init(listen: SocketAddress, hosts: [String], origins: [String]) {
        self.origins = Set(origins.map { $0.lowercased() })
        self.hosts = Set(hosts.map { $0.lowercased() })
        isLoopbackOnly = listen.isLoopback
    }

    init(_ options: GatewayOptions) {
        self.init(listen: options.listen, hosts: options.allowedHosts, origins: options.allowedOrigins)
    }

    /// No `Origin` is fine (most clients are no browsers); pages of this machine are, and those that are listed.
    package func check(_ head: RequestHead) throws(Problem) {
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

    /// `check`, in the words of the data plane.
    func admit(_ head: RequestHead) throws(Refusal) {
        do throws(Problem) {
            try check(head)
        } catch {
            switch error {
            case .foreignOrigin: throw .foreignOrigin
            case .foreignHost: throw .foreignHost
            }
        }
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
