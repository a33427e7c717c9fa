/// A place in a document (RFC 6901). The empty pointer is the whole document.
package struct JSONPointer: Sendable, Hashable, CustomStringConvertible {
    package var tokens: [String]

    package init(tokens: [String] = []) {
        self.tokens = tokens
    }

    /// Nil if the text neither is empty nor starts with `/`, or has a `~` without 0 or 1.
    package init?(_ text: String) {
        guard !text.isEmpty else {
            tokens = []
            return
        }
        guard text.utf8.first == UInt8(ascii: "/") else { return nil }
        var tokens: [String] = []
        for part in text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            var token: [UInt8] = []
            var escaped = false
            for byte in part {
                switch (escaped, byte) {
                case (true, UInt8(ascii: "0")): token.append(UInt8(ascii: "~"))
                case (true, UInt8(ascii: "1")): token.append(UInt8(ascii: "/"))
                case (true, _): return nil
                case (false, UInt8(ascii: "~")): break
                case (false, _): token.append(byte)
                }
                escaped = !escaped && byte == UInt8(ascii: "~")
            }
            if escaped { return nil }
            tokens.append(String(decoding: token, as: UTF8.self))
        }
        self.tokens = tokens
    }

    package func appending(_ key: String) -> JSONPointer {
        // COST: `tokens + [key]` makes three arrays.
        var longer: [String] = []
        longer.reserveCapacity(tokens.count + 1)
        longer.append(contentsOf: tokens)
        longer.append(key)
        return JSONPointer(tokens: longer)
    }

    package func appending(_ index: Int) -> JSONPointer { appending(String(index)) }

    package var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(tokens.reduce(0) { $0 + $1.utf8.count + 1 })
        for token in tokens {
            text.append(UInt8(ascii: "/"))
            guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
                text.append(contentsOf: token.utf8)
                continue
            }
            for byte in token.utf8 {
                switch byte {
                case UInt8(ascii: "~"): text.append(contentsOf: "~0".utf8)
                case UInt8(ascii: "/"): text.append(contentsOf: "~1".utf8)
                default: text.append(byte)
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// An array index: digits without a leading zero. Nil otherwise.
    static func arrayIndex(_ token: String) -> Int? {
        guard token.utf8.allSatisfy({ $0 &- 48 < 10 }), token == "0" || token.utf8.first != 48 else { return nil }
        return Int(token)
    }
}
