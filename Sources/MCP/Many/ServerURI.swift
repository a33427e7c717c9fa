/// Resource URIs of several servers behind one endpoint. The server goes into the scheme and nothing else changes, so what
/// was a valid URI, an opaque one or a template, stays one:
///
///     file:///home/{name}      sluice.files+file:///home/{name}
///     urn:isbn:0451450523      sluice.files+urn:isbn:0451450523
///     ui://widget/index.html   ui://sluice.files+widget/index.html     (hosts look for `ui://`)
///     notes                    sluice.files:notes                      (no URI at all)
///
/// In the server's name `_` becomes `.`, since schemes have no `_` and server names no `.`.
package enum ServerURI {
    private static let mark = "sluice."

    /// The URI or URI template by which clients know a server's resource.
    package static func exposed(_ uri: String, of server: String) -> String {
        let prefix = mark + server.replacing("_", with: ".")
        guard let colon = uri.utf8.firstIndex(of: UInt8(ascii: ":")), isScheme(uri[..<colon]) else {
            return prefix + ":" + uri
        }
        if uri[..<colon].lowercased() == "ui" {
            let rest = uri[uri.utf8.index(after: colon)...]
            // An IP literal can't have anything before it; then the scheme takes the server after all.
            if rest.hasPrefix("//"), rest.dropFirst(2).utf8.first != UInt8(ascii: "[") {
                return uri[...colon] + "//" + prefix + "+" + rest.dropFirst(2)
            }
        }
        return prefix + "+" + uri
    }

    /// The server and its own URI. Nil if the text does not come from `exposed`.
    package static func resolve(_ exposed: String) -> (server: String, uri: String)? {
        guard let colon = exposed.utf8.firstIndex(of: UInt8(ascii: ":")), isScheme(exposed[..<colon]) else {
            return nil
        }
        let (scheme, rest) = (exposed[..<colon], exposed[exposed.utf8.index(after: colon)...])
        if scheme.lowercased() == "ui" {
            guard rest.hasPrefix("//"), let marked = afterMark(rest.dropFirst(2)),
                let plus = marked.utf8.firstIndex(of: UInt8(ascii: "+")), let server = serverName(marked[..<plus])
            else { return nil }
            return (server, exposed[...colon] + "//" + marked[marked.utf8.index(after: plus)...])
        }
        guard let marked = afterMark(scheme) else { return nil }
        guard let plus = marked.utf8.firstIndex(of: UInt8(ascii: "+")) else {
            return serverName(marked).map { ($0, String(rest)) }
        }
        let original = marked[marked.utf8.index(after: plus)...]
        guard let server = serverName(marked[..<plus]), isScheme(original) else { return nil }
        return (server, original + ":" + rest)
    }

    /// Clients may write a scheme in other case.
    private static func afterMark(_ text: Substring) -> Substring? {
        guard text.utf8.count > mark.utf8.count, text.prefix(mark.count).lowercased() == mark else { return nil }
        return text.dropFirst(mark.count)
    }

    private static func serverName(_ part: Substring) -> String? {
        let isName = part.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "-"): true
            default: false
            }
        }
        return isName && !part.isEmpty ? part.lowercased().replacing(".", with: "_") : nil
    }

    /// RFC 3986, section 3.1.
    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, (first | 0x20) >= 97, (first | 0x20) <= 122 else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
            default: false
            }
        }
    }
}
