/// The target of a request: origin-form, absolute-form or "*". SPEC: RFC 9112 §3.2.
package struct RequestTarget: Sendable {
    /// The head it stands in. Ranges instead of slices: a head is copied often, and each slice would be a retain.
    private let head: [UInt8]
    private let rawRange: Range<Int>
    private let pathRange: Range<Int>
    private let queryRange: Range<Int>?
    /// The authority of an absolute-form target.
    let authorityRange: Range<Int>?
    /// The path if decoding changed it, or if it is not in the target.
    private let decoded: [UInt8]?

    /// As it was sent.
    package var raw: ByteText { ByteText(head[rawRange]) }

    /// The path, percent-decoded once, valid UTF-8, beginning with "/" ("*" for `OPTIONS *`). It has no control bytes,
    /// no dot segments and held no encoded slash or backslash: what two readers could split differently is refused.
    package var path: ByteText { decoded.map { ByteText($0) } ?? ByteText(head[pathRange]) }

    /// The query as sent, without "?"; nil if there is none.
    package var query: ByteText? { queryRange.map { ByteText(head[$0]) } }

    /// Whether this is `OPTIONS *`.
    package var isAsterisk: Bool { path.count == 1 && path.equals("*") }

    /// The first value of a name in the query, form-decoded ("+" is a space); nil if it is not there or does not decode
    /// to UTF-8.
    package func queryValue(_ name: StaticString) -> String? {
        guard let query else { return nil }
        for pair in query.bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = Self.formDecoded(parts[0]), ByteText(key).equals(name) else { continue }
            guard parts.count == 2 else { return "" }
            return Self.formDecoded(parts[1]).flatMap { String(validating: $0, as: UTF8.self) }
        }
        return nil
    }

    private static func formDecoded(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: "+"): decoded.append(ASCII.space)
            case UInt8(ascii: "%"):
                guard index + 2 < bytes.endIndex, let high = ASCII.hexValue(bytes[index + 1]),
                    let low = ASCII.hexValue(bytes[index + 2])
                else { return nil }
                decoded.append(high << 4 | low)
                index += 2
            case let byte: decoded.append(byte)
            }
            index += 1
        }
        return decoded
    }

    /// Reads the target that stands at `range` of a head's bytes.
    init(_ head: [UInt8], _ range: Range<Int>, method: HTTPMethod) throws(HTTPProblem) {
        self.head = head
        rawRange = range
        var path = range
        var authority: Range<Int>?
        if head[range.lowerBound] != ASCII.slash {
            if range.count == 1, head[range.lowerBound] == UInt8(ascii: "*"), method == .options {
                pathRange = range
                queryRange = nil
                authorityRange = nil
                decoded = nil
                return
            }
            // Absolute-form. The scheme says nothing here: what matters is who we are asked to be.
            let raw = ByteText(head[range])
            let prefix = raw.hasPrefixIgnoringCase("http://") ? 7 : raw.hasPrefixIgnoringCase("https://") ? 8 : 0
            guard prefix > 0 else { throw .malformedTarget }
            let start = range.lowerBound + prefix
            let end = head[start..<range.upperBound].firstIndex { $0 == ASCII.slash || $0 == 0x3F } ?? range.upperBound
            guard head[start..<end].withUnsafeBufferPointer(Self.isAuthority) else { throw .malformedTarget }
            authority = start..<end
            path = end..<range.upperBound
        }
        authorityRange = authority
        let question = head.withUnsafeBufferPointer { bytes in
            path.first { bytes[$0] == 0x3F }
        }
        if let question {
            let query = (question + 1)..<path.upperBound
            guard head[query].allSatisfy(ASCII.isQuery) else { throw .malformedTarget }
            queryRange = query
            path = path.lowerBound..<question
        } else {
            queryRange = nil
        }
        pathRange = path
        // http://host or http://host?query
        decoded = path.isEmpty ? [ASCII.slash] : try Self.decodedPath(head, path)
    }

    /// Checks a path; gives the decoded one if it differs.
    private static func decodedPath(_ head: [UInt8], _ range: Range<Int>) throws(HTTPProblem) -> [UInt8]? {
        var hasEscape = false
        var hasDotSegment = false
        let isValid = head.withUnsafeBufferPointer { bytes -> Bool in
            var segment = range.lowerBound + 1
            for index in range {
                let byte = bytes[index]
                guard ASCII.isPath(byte) else { return false }
                if byte == UInt8(ascii: "%") { hasEscape = true }
                if byte == ASCII.slash {
                    if isDots(bytes, segment, index) { hasDotSegment = true }
                    segment = index + 1
                }
            }
            if isDots(bytes, segment, range.upperBound) { hasDotSegment = true }
            return true
        }
        guard isValid, !hasDotSegment else { throw .malformedTarget }
        guard hasEscape else { return nil }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            var byte = head[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < range.upperBound, let high = ASCII.hexValue(head[index + 1]),
                    let low = ASCII.hexValue(head[index + 2])
                else { throw .malformedTarget }
                byte = high << 4 | low
                guard byte >= 0x20, byte != 0x7F, byte != ASCII.slash, byte != UInt8(ascii: "\\") else {
                    throw .malformedTarget
                }
                index += 2
            }
            decoded.append(byte)
            index += 1
        }
        let hasDots = decoded.split(separator: ASCII.slash).contains { $0 == [0x2E] || $0 == [0x2E, 0x2E] }
        guard !hasDots, String(validating: decoded, as: UTF8.self) != nil else { throw .malformedTarget }
        return decoded
    }

    @inline(__always)
    private static func isDots(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 1: bytes[start] == 0x2E
        case 2: bytes[start] == 0x2E && bytes[start + 1] == 0x2E
        default: false
        }
    }

    /// Whether bytes are `host` or `host:port`: a name, an IPv4 address or an IPv6 address in brackets. No user.
    static func isAuthority(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = bytes.first, bytes.count <= 300 else { return false }
        var index = 0
        if first == UInt8(ascii: "[") {
            index = 1
            while index < bytes.count, isIPv6(bytes[index]) { index += 1 }
            guard index > 2, index < bytes.count, bytes[index] == UInt8(ascii: "]") else { return false }
            index += 1
        } else {
            while index < bytes.count, ASCII.isHostName(bytes[index]) { index += 1 }
            guard index > 0 else { return false }
        }
        if index == bytes.count { return true }
        guard bytes[index] == ASCII.colon, (1...5).contains(bytes.count - index - 1) else { return false }
        var port = 0
        for index in (index + 1)..<bytes.count {
            guard ASCII.isDigit(bytes[index]) else { return false }
            port = port * 10 + Int(bytes[index] &- 0x30)
        }
        return port <= 65_535
    }

    private static func isIPv6(_ byte: UInt8) -> Bool {
        ASCII.hexValue(byte) != nil || byte == ASCII.colon || byte == 0x2E
    }
}
