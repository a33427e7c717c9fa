import Runtime

/// Where a client connects to.
package struct Origin: Sendable, Hashable {
    /// A name or an IP address, in lower case, IPv6 without brackets.
    package let host: String
    /// 1…65535.
    package let port: UInt16
    /// Whether addresses of the machine itself and of private networks are allowed. Connections with and without this
    /// right are never shared.
    package let allowPrivate: Bool
    /// Whom to trust for https; nil: http. Connections with different trust are never shared.
    package let trust: TLSTrust?
    /// What the Host field says.
    let hostField: String

    package static func == (a: Origin, b: Origin) -> Bool {
        a.port == b.port && a.allowPrivate == b.allowPrivate && a.trust === b.trust && a.host == b.host
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(host)
        hasher.combine(UInt32(port) << 2 | (allowPrivate ? 2 : 0) | (trust == nil ? 0 : 1))
    }
}

/// An absolute URL that the client can use.
package struct HTTPURL: Sendable, Hashable {
    /// Where to connect.
    package let origin: Origin
    /// Path and query, as they are sent.
    package let target: String
    /// What follows on the method in a request: the rest of its line, and the Host field.
    // COST: put together once for all requests to it.
    let opening: [UInt8]

    /// Reads a URL: `http[s]://host[:port][/path][?query]`; a fragment is dropped. `trust` is for https only: whose word
    /// a server's certificate needs; nil: that of the authorities this system trusts.
    /// - Throws: `unsupportedScheme` for all but http and https; `badURL` for user information, a bad host or port, and bytes that
    ///   should have been percent-encoded.
    package init(_ url: String, allowPrivate: Bool = false, trust: TLSTrust? = nil) throws(HTTPError) {
        let bytes = Array(url.utf8)
        let text = ByteText(bytes)
        guard bytes.count <= 8 * 1024 else { throw HTTPError(.badURL, "the URL is over 8 KiB") }
        let isSecure = text.hasPrefixIgnoringCase("https://")
        guard isSecure || text.hasPrefixIgnoringCase("http://") else {
            throw HTTPError(.unsupportedScheme, "a URL has to begin with https:// or http://")
        }
        let start = isSecure ? 8 : 7
        let end = bytes[start...].firstIndex { $0 == ASCII.slash || $0 == 0x3F || $0 == 0x23 } ?? bytes.count
        let authority = bytes[start..<end]
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw HTTPError(.badURL, "the URL holds a user or password; send credentials in a header")
        }
        guard authority.withUnsafeBufferPointer(RequestTarget.isAuthority) else {
            throw HTTPError(.badURL, "the URL has no host, or a host or port that is none")
        }
        var hostEnd = authority.endIndex
        let usualPort: UInt16 = isSecure ? 443 : 80
        var port = usualPort
        if let colon = authority.lastIndex(of: ASCII.colon), authority.last != UInt8(ascii: "]"),
            authority[colon...].allSatisfy({ $0 == ASCII.colon || ASCII.isDigit($0) })
        {
            hostEnd = colon
            port = UInt16(String(decoding: authority[(colon + 1)...], as: UTF8.self)) ?? 0
        }
        guard port > 0 else { throw HTTPError(.badURL, "the URL's port is not between 1 and 65535") }
        let host = String(decoding: authority[..<hostEnd].map(ASCII.lower), as: UTF8.self)
        let fragment = bytes[end...].firstIndex(of: 0x23) ?? bytes.count
        let question = bytes[end..<fragment].firstIndex(of: 0x3F) ?? fragment
        let path = bytes[end..<question]
        let query = bytes[question..<fragment]
        guard path.allSatisfy(ASCII.isPath), query.allSatisfy(ASCII.isQuery) else {
            throw HTTPError(.badURL, "the URL's path or query holds bytes that have to be percent-encoded")
        }
        let isLiteral = host.utf8.first == UInt8(ascii: "[")
        origin = Origin(
            host: isLiteral ? String(host.dropFirst().dropLast()) : host, port: port, allowPrivate: allowPrivate,
            trust: isSecure ? trust ?? .system : nil, hostField: port == usualPort ? host : "\(host):\(port)")
        target = (path.isEmpty ? "/" : String(decoding: path, as: UTF8.self)) + String(decoding: query, as: UTF8.self)
        opening = Array(" \(target) HTTP/1.1\r\nHost: \(origin.hostField)\r\n".utf8)
    }
}
