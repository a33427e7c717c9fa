/// The host of a URL in one canonical text: the path function `host`.
///
/// Programs disagree about malformed URLs. Whatever RFC 3986 and the WHATWG standard would read differently has no host
/// here, so that a rule about it is undetermined and the call is denied.
enum HostName {
    /// The host in lower case: a domain in ASCII (IDNA), dotted IPv4, or RFC 5952 IPv6 without brackets; a trailing dot is
    /// taken off. Nil if the text is no absolute URL with an unambiguous host.
    static func of(url: [UInt8]) -> String? {
        guard url.count <= 16_384, let authority = authority(of: url) else { return nil }
        var host = authority[...]
        if let at = host.lastIndex(of: UInt8(ascii: "@")) {
            guard host.firstIndex(of: UInt8(ascii: "@")) == at else { return nil }
            host = host[(at + 1)...]
        }
        if host.first == UInt8(ascii: "[") {
            guard let close = host.firstIndex(of: UInt8(ascii: "]")), isPort(host[(close + 1)...]) else { return nil }
            let inner = host[(host.startIndex + 1)..<close]
            guard inner.contains(UInt8(ascii: ":")) else { return nil }
            return IPAddress(inner)?.text
        }
        if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
            guard isPort(host[colon...]) else { return nil }
            host = host[..<colon]
        }
        return canonical(host)
    }

    /// Everything between `//` and the next `/`, `?` or `#`.
    private static func authority(of url: [UInt8]) -> ArraySlice<UInt8>? {
        guard let first = url.first, isLetter(first), let colon = url.firstIndex(of: UInt8(ascii: ":")) else {
            return nil
        }
        let scheme = url[..<colon]
        guard scheme.allSatisfy({ isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }) else { return nil }
        // White space, controls and backslashes are where readers part company.
        guard !url.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) else { return nil }
        let rest = url[(colon + 1)...]
        guard rest.starts(with: "//".utf8) else { return nil }
        let body = rest.dropFirst(2)
        let end = body.firstIndex { "/?#".utf8.contains($0) } ?? body.endIndex
        return end == body.startIndex ? nil : body[..<end]
    }

    private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first else { return true }
        return first == UInt8(ascii: ":") && text.count <= 6 && text.dropFirst().allSatisfy(isDigit)
    }

    private static func canonical(_ written: ArraySlice<UInt8>) -> String? {
        guard let decoded = percentDecoded(written), let unicode = String(validating: decoded, as: UTF8.self) else {
            return nil
        }
        var labels: [[UInt8]] = []
        var label: [Unicode.Scalar] = []
        func close(_ labels: inout [[UInt8]]) -> Bool {
            guard let ascii = asciiLabel(label) else { return false }
            labels.append(ascii)
            label = []
            return true
        }
        for scalar in unicode.unicodeScalars {
            // UTS 46: three more characters count as a full stop.
            if [0x2E, 0x3002, 0xFF0E, 0xFF61].contains(scalar.value) {
                guard close(&labels) else { return nil }
            } else {
                guard let mapped = mapped(scalar) else { return nil }
                label.append(mapped)
            }
        }
        guard close(&labels) else { return nil }
        if labels.last?.isEmpty == true, labels.count > 1 { labels.removeLast() }
        guard !labels.contains(where: \.isEmpty), let last = labels.last else { return nil }
        if isNumeric(last) { return ipv4(labels)?.text }
        let text = String(decoding: Array(labels.joined(separator: ".".utf8)), as: UTF8.self)
        return text.utf8.count <= 253 ? text : nil
    }

    /// One round; a `%` that is none, or one that is left over, makes the host ambiguous.
    private static func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        var i = text.startIndex
        while i < text.endIndex {
            if text[i] == UInt8(ascii: "%") {
                guard i + 2 < text.endIndex, let high = hexValue(text[i + 1]), let low = hexValue(text[i + 2]) else {
                    return nil
                }
                decoded.append(high << 4 | low)
                i += 3
            } else {
                decoded.append(text[i])
                i += 1
            }
        }
        return decoded
    }

    /// The mapping step of UTS 46 as far as the standard library's tables decide it; nil for what they don't: characters
    /// that fold to several, combining marks (composition), joiners and the four characters whose reading changed
    /// between IDNA 2003 and 2008.
    private static func mapped(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        let value = scalar.value
        if value < 0x80 {
            let byte = UInt8(value)
            if isLetter(byte) { return Unicode.Scalar(byte | 0x20) }
            return isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") ? scalar : nil
        }
        if (0xFF01...0xFF5E).contains(value), let narrow = Unicode.Scalar(value - 0xFEE0) { return mapped(narrow) }
        if [0xDF, 0x3C2, 0x200C, 0x200D, 0x1E9E].contains(value) { return nil }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .lowercaseLetter, .otherLetter, .modifierLetter, .decimalNumber:
            return properties.changesWhenNFKCCaseFolded ? nil : scalar
        case .uppercaseLetter:
            let lower = properties.lowercaseMapping.unicodeScalars
            guard lower.count == 1, let only = lower.first, !only.properties.changesWhenNFKCCaseFolded else {
                return nil
            }
            return only
        default:
            return nil
        }
    }

    private static func asciiLabel(_ label: [Unicode.Scalar]) -> [UInt8]? {
        let ascii: [UInt8]
        if label.allSatisfy(\.isASCII) {
            ascii = label.map { UInt8(truncatingIfNeeded: $0.value) }
        } else {
            guard let encoded = Punycode.encode(label) else { return nil }
            ascii = Array("xn--".utf8) + encoded
        }
        return ascii.count <= 63 ? ascii : nil
    }

    // MARK: IPv4 as URLs write it

    /// WHATWG: a host whose last label is a number is an IPv4 address or nothing.
    private static func isNumeric(_ label: [UInt8]) -> Bool {
        label.allSatisfy(isDigit)
            || label.starts(with: "0x".utf8) && label.dropFirst(2).allSatisfy { hexValue($0) != nil }
    }

    /// `127.1`, `0x7f000001` and `017700000001` all are addresses to the programs that will open the URL.
    private static func ipv4(_ labels: [[UInt8]]) -> IPAddress? {
        guard labels.count <= 4 else { return nil }
        var value: UInt64 = 0
        for (i, label) in labels.enumerated() {
            guard let number = ipv4Number(label) else { return nil }
            if i < labels.count - 1 {
                guard number < 256 else { return nil }
                value |= number << UInt64(24 - 8 * i)
            } else {
                guard number < 1 << UInt64(32 - 8 * i) else { return nil }
                value |= number
            }
        }
        return IPAddress.v4(UInt32(truncatingIfNeeded: value))
    }

    private static func ipv4Number(_ label: [UInt8]) -> UInt64? {
        let (digits, radix): (ArraySlice<UInt8>, UInt64) =
            label.starts(with: "0x".utf8)
            ? (label.dropFirst(2), 16) : label.count > 1 && label[0] == 48 ? (label.dropFirst(), 8) : (label[...], 10)
        guard digits.count <= 16 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard let nibble = hexValue(digit), UInt64(nibble) < radix else { return nil }
            let (next, overflow) = value.multipliedReportingOverflow(by: radix)
            guard !overflow else { return nil }
            value = next + UInt64(nibble)
        }
        return value
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 }
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }
}

/// RFC 3492.
enum Punycode {
    static func encode(_ label: [Unicode.Scalar]) -> [UInt8]? {
        guard label.count <= 63 else { return nil }
        var output = label.filter(\.isASCII).map { UInt8(truncatingIfNeeded: $0.value) }
        let basic = output.count
        if basic > 0 { output.append(UInt8(ascii: "-")) }
        var n: UInt32 = 128
        var delta = 0
        var bias = 72
        var handled = basic
        while handled < label.count {
            guard let next = label.lazy.map(\.value).filter({ $0 >= n }).min() else { return nil }
            delta += Int(next - n) * (handled + 1)
            n = next
            for scalar in label {
                if scalar.value < n { delta += 1 }
                guard scalar.value == n else { continue }
                var q = delta
                var k = 36
                while true {
                    let threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias
                    guard q >= threshold else { break }
                    output.append(digit(threshold + (q - threshold) % (36 - threshold)))
                    q = (q - threshold) / (36 - threshold)
                    k += 36
                }
                output.append(digit(q))
                bias = adapted(delta, points: handled + 1, isFirst: handled == basic)
                delta = 0
                handled += 1
            }
            delta += 1
            n += 1
        }
        return output
    }

    private static func adapted(_ delta: Int, points: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / 700 : delta / 2
        delta += delta / points
        var k = 0
        while delta > 455 {
            delta /= 35
            k += 36
        }
        return k + 36 * delta / (delta + 38)
    }

    private static func digit(_ value: Int) -> UInt8 { UInt8(value < 26 ? 97 + value : 22 + value) }
}
