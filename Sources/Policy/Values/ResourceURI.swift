/// URIs that a server may read as others than they look. RFC 3986, section 6.2.2: scheme and host in any case, characters
/// that need no percent sign, dots between slashes.
enum ResourceURI {
    /// Whether the text is in the one form that patterns are written for.
    static func isNormal(_ uri: String) -> Bool {
        let bytes = Array(uri.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return !bytes.contains(UInt8(ascii: "%")) }
        let rest = bytes[(colon + 1)...]
        guard !bytes[..<colon].contains(where: isUpper), hasNormalPercents(rest) else { return false }
        let path = rest.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard !segments.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }),
            !path.contains(UInt8(ascii: "\\"))
        else { return false }
        guard path.starts(with: "//".utf8) else { return true }
        let authority = segments.count > 2 ? segments[2] : []
        guard !authority.contains(where: isUpper) else { return false }
        guard bytes[..<colon].elementsEqual("file".utf8) else { return true }
        // file://localhost/a, file:////a and file:///a//b are the file:///a and file:///a/b of patterns.
        return authority.isEmpty && !segments.dropFirst(3).dropLast().contains { $0.isEmpty }
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
