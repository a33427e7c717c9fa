/// URIs that a server may read as others than they look: RFC 3986, section 6.2.2 (scheme and host in any case, characters that
/// need no percent sign, dots between slashes), and what the WHATWG's URL standard makes of the schemes that it knows, as
/// browsers, Node.js and pydantic do: slashes left out or written too often, white space passed over, hosts in other letters.
enum ResourceURI {
    /// Whether the text is in the one form that patterns are written for.
    static func isNormal(_ uri: String) -> Bool {
        let bytes = Array(uri.utf8)
        guard bytes.allSatisfy(mayStand) else { return false }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return !bytes.contains(UInt8(ascii: "%")) }
        let (scheme, rest) = (bytes[..<colon], bytes[(colon + 1)...])
        guard isScheme(scheme), hasNormalPercents(rest) else { return false }
        let path = rest.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard !segments.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }) else {
            return false
        }
        let authority = path.starts(with: "//".utf8) ? segments[2] : nil
        guard authority?.contains(where: isUpper) != true else { return false }
        switch String(decoding: scheme, as: UTF8.self) {
        case "file":
            // file:/a, file://localhost/a, file:////a and file:///a//b are the file:///a and file:///a/b of patterns, and no
            // file's name has a question or a part.
            return authority?.isEmpty == true && path.count == rest.count
                && !segments.dropFirst(3).dropLast().contains { $0.isEmpty }
        case "http", "ws": return isNormal(authority, of: bytes, port: "80") && hasPathAndNoPart(segments, rest)
        case "https", "wss": return isNormal(authority, of: bytes, port: "443") && hasPathAndNoPart(segments, rest)
        case "ftp": return isNormal(authority, of: bytes, port: "21") && hasPathAndNoPart(segments, rest)
        default: return true
        }
    }

    /// What RFC 3986 has in a URI, and the braces of a template.
    private static func mayStand(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && !"\"<>\\^`|".utf8.contains(byte)
    }

    private static func isScheme(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first, (97...122).contains(first) else { return false }
        return text.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || "+-.".utf8.contains($0) }
    }

    /// A host as `HostName` writes it, and perhaps a port that is not the scheme's own.
    private static func isNormal(_ authority: ArraySlice<UInt8>?, of uri: [UInt8], port usual: String) -> Bool {
        guard let authority, let host = HostName.of(url: uri) else { return false }
        let written = host.contains(":") ? "[\(host)]" : host
        guard authority.starts(with: written.utf8) else { return false }
        let end = authority.dropFirst(written.utf8.count)
        guard let colon = end.first else { return true }
        let port = end.dropFirst()
        return colon == UInt8(ascii: ":") && !port.isEmpty && port.first != UInt8(ascii: "0")
            && !port.elementsEqual(usual.utf8)
    }

    /// `https://a` is `https://a/`, and what is behind `#` never reaches the other side.
    private static func hasPathAndNoPart(_ segments: [ArraySlice<UInt8>], _ rest: ArraySlice<UInt8>) -> Bool {
        segments.count > 3 && !rest.contains(UInt8(ascii: "#"))
    }

    private static func isUpper(_ byte: UInt8) -> Bool { (65...90).contains(byte) }

    /// Every percent sign stands for a byte that needs one, in capital digits.
    private static func hasNormalPercents(_ bytes: ArraySlice<UInt8>) -> Bool {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "%") else {
                index += 1
                continue
            }
            guard index + 2 < bytes.endIndex, let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            else { return false }
            switch high << 4 | low {
            case 48...57, 65...90, 97...122, 0x2D, 0x2E, 0x5F, 0x7E: return false
            default: index += 3
            }
        }
        return true
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        default: nil
        }
    }
}

extension CompiledPolicy {
    /// Whether a resource may be judged by its name: true where no selector speaks of resources, or the URI can't be read as
    /// another than it looks. Otherwise a pattern could be walked around by another spelling.
    package func canJudge(resource uri: String) -> Bool { !speaksOfResources || ResourceURI.isNormal(uri) }
}
