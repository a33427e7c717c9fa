import Base
import JSON
import MCP
import Store

/// What a person should look at, over all servers of one gateway: computed from what they were seen to say and from what was
/// approved, so that an approval or a removed server takes its findings away at once.
package enum Findings {
    /// The most severe first, then by server, tool and kind.
    package static func all(_ servers: [ObservedServer]) -> [Finding] {
        let found = servers.flatMap(Self.ofPins) + ofNames(servers)
        return found.sorted { a, b in
            if a.severity != b.severity { return a.severity > b.severity }
            return (a.server, a.tool ?? "", a.code.rawValue) < (b.server, b.tool ?? "", b.code.rawValue)
        }
    }

    // MARK: Pins

    private static func ofPins(_ server: ObservedServer) -> [Finding] {
        guard let onChange = server.onChange else { return [] }
        return server.texts.compactMap { finding($0, server.name, onChange) }
    }

    private static func finding(_ text: ObservedText, _ server: String, _ onChange: OnChange) -> Finding? {
        let effect: Finding.Effect =
            switch onChange {
            case .warn: .reported
            case .hide: .hidden
            case .refuse: .refused
            }
        guard let tool = text.tool else {
            guard text.gone == nil, text.approval != .same else { return nil }
            return Finding(
                .changedInstructions, .high, server: server, tool: nil,
                text: "The server's instructions have changed since a person approved them.", since: text.changed,
                effect: effect,
                mend: "Read them with `sluice server tools \(server) --json`; if they are right: "
                    + "`sluice server approve \(server) --instructions`.")
        }
        if let gone = text.gone {
            return Finding(
                .removedTool, .low, server: server, tool: tool, text: "An approved tool is gone.", since: gone,
                effect: onChange == .refuse ? .refused : .reported,
                mend: "If it shall not come back: \(approve(server, tool)).")
        }
        switch text.approval {
        case .same: return nil
        case .none:
            return Finding(
                .newTool, .medium, server: server, tool: tool, text: "No person has approved it yet.",
                since: text.since, effect: effect,
                mend: "Read it with `sluice server tools \(server) --json`; if it is right: \(approve(server, tool)).")
        case .other(let approved, let now):
            let members = changedMembers(approved, now)
            var finding = Finding(
                .changedDefinition, .high, server: server, tool: tool,
                text: "Its definition has changed since a person approved it"
                    + (members.isEmpty ? "." : ": \(members)."),
                since: text.changed, effect: effect,
                mend: "Read it with `sluice server tools \(server) --json`; if it is right: \(approve(server, tool)).")
            finding.place = members.isEmpty ? nil : members
            return finding
        }
    }

    private static func changedMembers(_ approved: [UInt8], _ now: [UInt8]) -> String {
        guard let old = try? JSONDocument.parse(approved, limits: .upstream).root,
            let new = try? JSONDocument.parse(now, limits: .upstream).root
        else { return "" }
        let members = Definition.changedMembers(old, new).map(Finding.visible)
        return members.prefix(8).joined(separator: ", ") + (members.count > 8 ? ", …" : "")
    }

    /// The command; a name that a shell or an eye could take for another is left to the person.
    private static func approve(_ server: String, _ tool: String) -> String {
        let isPlain = tool.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, 0x5F, 0x2D, 0x2E: true
            default: false
            }
        }
        return "`sluice server approve \(server) \(isPlain && !tool.hasPrefix("-") ? tool : "'TOOL'")`"
    }

    // MARK: Names

    /// What is odd about the names of all servers' tools.
    package static func ofNames(_ servers: [ObservedServer]) -> [Finding] {
        var entries: [LookAlikeNames.Entry] = []
        var since: [LookAlikeNames.Entry: Instant] = [:]
        for server in servers {
            for text in server.texts where text.gone == nil {
                guard let tool = text.tool else { continue }
                let entry = LookAlikeNames.Entry(server: server.name, name: tool)
                entries.append(contentsOf: text.isRepeated ? [entry, entry] : [entry])
                since[entry] = text.since
            }
        }
        return LookAlikeNames.findings(entries).compactMap { ofNames($0, since) }
    }

    private static func ofNames(_ found: LookAlikeNames.Finding, _ since: [LookAlikeNames.Entry: Instant]) -> Finding? {
        // It is about the newcomer: before it there was nothing to take it for.
        let order = found.entries.sorted { a, b in
            let (x, y) = (since[a] ?? .zero, since[b] ?? .zero)
            return x == y ? (a.server, a.name) < (b.server, b.name) : x < y
        }
        guard let newest = order.last else { return nil }
        let others = order.dropLast()
        let (server, tool) = (newest.server, newest.name)
        let names = others.prefix(5).map { "\(Finding.visible($0.name)) of \($0.server)" }.joined(separator: ", ")
        let list = names + (others.count > 5 ? ", …" : "")
        let keepOne = "Let clients that use both see one of them only: name the other in `hide` of its server's policy."
        let what: (Finding.Code, Finding.Severity, text: String, mend: String) =
            switch found.kind {
            case .duplicateName:
                (
                    .collidingName, .low, "Several servers have a tool of this name: also \(list).",
                    "\(keepOne) Behind /mcp each has its server's name in front."
                )
            case .repeatedName:
                (
                    .collidingName, .high, "The server lists this name more than once.",
                    "Ask those who run the server: which of the two a client gets is not defined."
                )
            case .lookAlike:
                (
                    .lookAlikeName, found.entries.allSatisfy { $0.name.utf8.allSatisfy { $0 < 0x80 } } ? .low : .high,
                    "A person or a model may take it for another: \(list).", keepOne
                )
            case .hiddenCharacters:
                (
                    .invisibleCharacters, .high, "Its name has characters that can't be seen.",
                    "Don't use the server before it is known why: name the tool in `hide` of its policy."
                )
            }
        var finding = Finding(
            what.0, what.1, server: server, tool: tool, text: what.text, since: since[newest] ?? .zero,
            mend: what.mend)
        finding.also = others.map { Finding.Subject(server: $0.server, tool: $0.name) }
        return finding
    }
}

extension Instant {
    fileprivate static let zero = Instant(microseconds: 0)
}

extension Finding {
    /// The finding as JSON: the same in the API and in the commands.
    package func write(to writer: inout JSONWriter) {
        func put(_ key: String, _ text: String?) {
            writer.key(key)
            if let text { writer.string(text) } else { writer.null() }
        }
        writer.beginObject()
        put("code", code.rawValue)
        put("severity", severity.name)
        put("server", server)
        put("tool", tool)
        put("where", place)
        put("quote", quote)
        put("text", text)
        writer.key("also")
        writer.beginArray()
        for other in also {
            writer.beginObject()
            put("server", other.server)
            put("tool", other.tool)
            writer.endObject()
        }
        writer.endArray()
        put("since", since.iso8601)
        put("effect", effect.rawValue)
        put("mend", mend)
        writer.endObject()
    }
}
