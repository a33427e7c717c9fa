import Base

/// What a stored name names; the word appears in messages.
package enum NameKind: String, Sendable, CaseIterable {
    case server, policy, identity, grant
    case adminToken = "admin token"
}

/// The naming rule: names of servers and policies appear in URLs, tool prefixes and shell commands.
package enum Name {
    /// What stands where a server's name does in the paths of the endpoint of all servers: `/mcp/sse`, `/mcp/messages`.
    private static let reserved = ["sse", "messages"]

    /// Bytes a name or a label may have.
    package static let maximumLength = 63

    /// Throws `invalidName` unless `name` is a lower-case letter or digit, then at most 62 of `a-z 0-9 _ -`, without `__`.
    ///
    /// `__` is refused since `server__tool` is how tools are named when several servers stand behind one endpoint. Servers
    /// can't be called `sse` and `messages`, either.
    package static func check(_ name: String, of kind: NameKind) throws(StoreError) {
        let rule = "use 1 to 63 of a-z, 0-9, `-` and `_`, starting with a letter or digit and without `__`"
        guard !name.isEmpty else {
            throw StoreError(.invalidName, "the \(kind.rawValue) name is empty", help: rule)
        }
        guard name.utf8.count <= maximumLength else {
            throw StoreError(
                .invalidName, "the \(kind.rawValue) name \(quoted(name)) has \(name.utf8.count) bytes", help: rule)
        }
        var previous: UInt8 = 0
        for (index, byte) in name.utf8.enumerated() {
            let isAlphanumeric = (97...122).contains(byte) || (48...57).contains(byte)
            let isJoint = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            guard isAlphanumeric || (isJoint && index > 0) else {
                throw StoreError(
                    .invalidName,
                    "the \(kind.rawValue) name \(quoted(name)) has a forbidden character at position \(index + 1)",
                    help: rule)
            }
            guard !(byte == UInt8(ascii: "_") && previous == byte) else {
                throw StoreError(.invalidName, "the \(kind.rawValue) name \(quoted(name)) has `__` in it", help: rule)
            }
            previous = byte
        }
        if kind == .server, reserved.contains(name) {
            throw StoreError(
                .invalidName, "no server can be called \(quoted(name))",
                help: "`/mcp/\(name)` is the way to all servers for clients of HTTP+SSE; choose another name")
        }
    }

    /// Throws `invalidName` unless `label` is 1 to 63 bytes of printable text. Labels and identities are for people: `alice@example.org`.
    package static func checkLabel(_ label: String, of kind: NameKind) throws(StoreError) {
        let rule = "use 1 to 63 bytes of printable text without spaces at its ends"
        guard !label.isEmpty else {
            throw StoreError(.invalidName, "the \(kind.rawValue) label is empty", help: rule)
        }
        let spoiled = label.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
        guard label.utf8.count <= maximumLength, !spoiled, label.utf8.first != 32, label.utf8.last != 32 else {
            throw StoreError(
                .invalidName, "the \(kind.rawValue) label \(quoted(label)) can't be stored", help: rule)
        }
    }

    /// `notFound`, with the stored name that is nearest to what was asked for, or else the names there are.
    package static func notFound(_ name: String, of kind: NameKind, among stored: [String]) -> StoreError {
        let help: String
        if let near = nearest(name, among: stored) {
            help = "did you mean \(quoted(near))?"
        } else if stored.isEmpty {
            help = "none is stored yet"
        } else {
            let shown = stored.sorted().prefix(8).map(quoted).joined(separator: ", ")
            help = "there \(stored.count == 1 ? "is" : "are") \(shown)\(stored.count > 8 ? " and others" : "")"
        }
        return StoreError(.notFound, "there is no \(kind.rawValue) \(quoted(name))", help: help)
    }

    /// A person's input as messages show it: in backticks, one line, at most 80 characters.
    package static func quoted(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(80) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            shown.unicodeScalars.append(isControl || scalar == "`" ? "?" : scalar)
        }
        return text.unicodeScalars.count > 80 ? "`\(shown)…`" : "`\(shown)`"
    }
}
