import Base
import Catalogue
import JSON

/// The servers that a client's configuration file names: Claude Desktop, Claude Code (`.mcp.json`, `~/.claude.json`),
/// Cursor, VS Code, Windsurf, Codex, Gemini CLI, and whoever writes in one of their shapes.
package enum ClientConfiguration {
    /// The most that is read of a file. Claude Code keeps more than servers in its own.
    package static let maxBytes = 64 << 20
    private static let maxServers = 1_000

    /// Reads a file. No process is started and nothing is asked.
    /// - Throws: `ScanError` for a file that is no configuration.
    package static func servers(in bytes: [UInt8], name: String) throws(ScanError) -> [NamedServer] {
        // Its name says what it should be: a broken file is told in those terms.
        let isNamedJSON = name.hasSuffix(".json") || name.hasSuffix(".jsonc")
        let isTOML = name.hasSuffix(".toml") || !(isNamedJSON || looksLikeJSON(bytes))
        let found = isTOML ? try toml(bytes, name) : try json(bytes, name)
        guard found.count <= maxServers else {
            throw ScanError(
                .unknownShape, "\(name) names more than \(maxServers) servers", mend: "scan a smaller file")
        }
        return found
    }

    private static func looksLikeJSON(_ bytes: [UInt8]) -> Bool {
        let first = PlainJSON.bytes(bytes).first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return first == nil || first == UInt8(ascii: "{")
    }

    private static let shapes =
        "servers are looked for in `mcpServers` (Claude, Cursor, Windsurf, Gemini CLI), `servers` (VS Code) and "
        + "`[mcp_servers.NAME]` (Codex)"

    private static func json(_ bytes: [UInt8], _ name: String) throws(ScanError) -> [NamedServer] {
        let root: JSONView
        do throws(JSONError) {
            root = try JSONDocument.parse(
                PlainJSON.bytes(bytes), limits: JSONLimits(maxBytes: maxBytes, maxTokens: 8_000_000)
            ).root
        } catch {
            let place = error.position(in: bytes)
            throw ScanError(
                .unreadable, "\(name), line \(place.line), column \(place.column): \(error.message)",
                mend: "mend the file; its client can't read it either")
        }
        var sections: [(JSONView, project: String?)] = []
        for key in ["mcpServers", "servers"] { if let section = root[key] { sections.append((section, nil)) } }
        for key in ["servers", "mcpServers"] { if let section = root["mcp"]?[key] { sections.append((section, nil)) } }
        if let section = root["mcp.servers"] { sections.append((section, nil)) }
        for (path, project) in (root["projects"] ?? root).members where root["projects"]?.kind == .object {
            if let section = project["mcpServers"] { sections.append((section, path.string)) }
        }
        // Plugins of Claude Code have the servers at the top.
        if sections.isEmpty, root.count > 0, root.members.allSatisfy({ isEntry($0.value) }) { sections = [(root, nil)] }
        guard !sections.isEmpty else {
            throw ScanError(.unknownShape, "\(name) names no servers in a way that is known here", mend: shapes)
        }
        let lines = LineIndex(bytes)
        var found: [NamedServer] = []
        var names: Set<String> = []
        for (section, project) in sections {
            guard section.kind == .object else {
                let line = lines.line(of: section.range.lowerBound)
                throw ScanError(.unknownShape, "\(name), line \(line): the servers are no object", mend: shapes)
            }
            for (key, entry) in section.members {
                let line = lines.line(of: key.range.lowerBound)
                var name = key.string ?? ""
                // Several projects may have a server of one name.
                var number = 2
                while !names.insert(name).inserted {
                    name = "\(key.string ?? "")-\(number)"
                    number += 1
                }
                found.append(server(name, entry, line: line, project: project))
            }
        }
        return found
    }

    private static func isEntry(_ value: JSONView) -> Bool {
        value.kind == .object && ["command", "url", "serverUrl", "httpUrl"].contains { value[$0]?.kind == .string }
    }

    private static func toml(_ bytes: [UInt8], _ name: String) throws(ScanError) -> [NamedServer] {
        guard bytes.count <= maxBytes else {
            throw ScanError(.unreadable, "\(name) is too large", mend: "scan a smaller file")
        }
        let root: TOMLReader.Table
        do throws(TOMLReader.Problem) { root = try TOMLReader.read(bytes) } catch {
            throw ScanError(
                .unreadable, "\(name), line \(error.line): \(error.message)",
                mend: "mend the file; a client's configuration is JSON, or TOML (Codex)")
        }
        guard case .table(let section)? = root.items["mcp_servers"] else {
            if case .value(let value)? = root.items["mcp_servers"], case .object(let members) = value {
                return members.compactMap { member in
                    view(member.value).map { server(member.key, $0, line: 1, project: nil) }
                }
            }
            throw ScanError(.unknownShape, "\(name) names no servers in a way that is known here", mend: shapes)
        }
        return section.keys.compactMap { key in
            guard let item = section.items[key], let entry = view(item.value) else { return nil }
            var line = section.line
            if case .table(let table) = item { line = table.line }
            return server(key, entry, line: max(1, line), project: nil)
        }
    }

    private static func view(_ value: JSONValue) -> JSONView? { try? JSONDocument.parse(value.bytes).root }

    // MARK: One server

    private static func server(_ key: String, _ entry: JSONView, line: Int, project: String?) -> NamedServer {
        var remarks: [String] = []
        var server = NamedServer(name: key, way: way(entry, &remarks), line: line)
        server.isDisabled = entry["disabled"]?.bool == true || entry["enabled"]?.bool == false
        if let project { remarks.append("for the project \(Visible.text(project, limit: 200))") }
        server.remarks = remarks
        return server
    }

    private static func way(_ entry: JSONView, _ remarks: inout [String]) -> NamedServer.Way {
        guard entry.kind == .object else { return .unusable("its entry is no object") }
        if let file = entry["envFile"]?.string {
            remarks.append("its variables in \(Visible.text(file, limit: 200)) are not read")
        }
        for key in ["httpUrl", "url", "serverUrl"] {
            guard let url = entry[key]?.string else { continue }
            var headers = pairs(entry["headers"]) + pairs(entry["http_headers"])
            headers += pairs(entry["requestInit"]?["headers"])
            for pair in pairs(entry["env_http_headers"]) {
                headers.append(NamedServer.Pair(name: pair.name, text: "${\(pair.text)}"))
            }
            if let variable = entry["bearer_token_env_var"]?.string {
                headers.append(NamedServer.Pair(name: "Authorization", text: "Bearer ${\(variable)}"))
            }
            return .address(url, headers: headers)
        }
        var words = entry["command"]?.string.map { [$0] } ?? []
        if let list = entry["command"], list.kind == .array { words = list.elements.compactMap(\.string) }
        guard let program = words.first, !program.isEmpty else {
            return .unusable("its entry has neither a `command` nor a `url`")
        }
        words += all(entry["args"]).compactMap(text)
        let inherit = all(entry["env_vars"]).compactMap { $0.string ?? $0["name"]?.string }
        return .command(
            words, variables: pairs(entry["env"]), inherit: inherit,
            directory: entry["cwd"]?.string.flatMap { $0.isEmpty ? nil : $0 })
    }

    private static func all(_ array: JSONView?) -> [JSONView] { array.map { Array($0.elements) } ?? [] }

    private static func pairs(_ object: JSONView?) -> [NamedServer.Pair] {
        guard let object, object.kind == .object else { return [] }
        return object.members.compactMap { key, value in
            guard let name = key.string, !name.isEmpty, let text = text(value) else { return nil }
            return NamedServer.Pair(name: name, text: text)
        }
    }

    private static func text(_ value: JSONView) -> String? {
        switch value.kind {
        case .string: value.string
        case .number, .boolean: String(decoding: value.rawBytes, as: UTF8.self)
        default: nil
        }
    }
}
