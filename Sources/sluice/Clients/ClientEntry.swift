import JSON

/// What a client's file says of one server: members in the order in which people write them.
struct ClientEntry: Sendable {
    indirect enum Value: Sendable {
        case text(String)
        case list([String])
        case object([(key: String, value: Value)])
    }

    let members: [(key: String, value: Value)]

    init(_ members: [(key: String, value: Value)]) {
        self.members = members
    }

    /// Keys that say how a server is reached. An older entry's go when a new one comes; its others, such as a time limit
    /// that a person has set, stay.
    static let ways: Set<String> = [
        "type", "url", "httpUrl", "headers", "requestInit", "command", "args", "env", "envFile", "cwd",
        "bearer_token_env_var", "http_headers", "env_http_headers",
    ]
}

/// How JSON is laid out in one file.
struct JSONLayout: Sendable {
    var newline = "\n"
    /// One step to the right.
    var unit = "  "

    /// - Parameters:
    ///   - indent: what stands before the closing brace.
    ///   - kept: further members, as they are written.
    func text(_ members: [(key: String, value: ClientEntry.Value)], indent: String, kept: [String] = []) -> String {
        let deeper = indent + unit
        let lines =
            members.map { "\(deeper)\(Self.quoted($0.key)): \(text($0.value, indent: deeper))" }
            + kept.map { deeper + $0 }
        return lines.isEmpty ? "{}" : "{" + newline + lines.joined(separator: "," + newline) + newline + indent + "}"
    }

    private func text(_ value: ClientEntry.Value, indent: String) -> String {
        switch value {
        case .text(let text): Self.quoted(text)
        case .list(let items): "[" + items.map(Self.quoted).joined(separator: ", ") + "]"
        case .object(let members): text(members, indent: indent)
        }
    }

    static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// Why a client's file is left alone.
struct FileProblem: Error {
    /// In bytes.
    let offset: Int
    let message: String

    init(_ offset: Int, _ message: String) {
        self.offset = offset
        self.message = message
    }

    /// Line and column, from 1.
    func place(in bytes: [UInt8]) -> String {
        let before = bytes[..<min(offset, bytes.count)]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return "line \(line), column \(before.count - start + 1)"
    }
}
