internal import Base
internal import MCP

/// What is odd about the tools of several servers seen together: names that are taken for each other, and descriptions that
/// speak of other servers' tools.
package enum NameFindings {
    /// Findings about all servers at once; `tool` and `place` name the first of those concerned as `server/tool`.
    package static func findings(_ servers: [ServerProfile]) -> [MetadataFinding] {
        lookAlikes(servers) + swappedLetters(servers) + serversAlike(servers) + references(servers)
    }

    private static func lookAlikes(_ servers: [ServerProfile]) -> [MetadataFinding] {
        let entries = servers.flatMap { server in
            server.tools.map { LookAlikeNames.Entry(server: server.name, name: $0.name) }
        }
        return LookAlikeNames.findings(entries).compactMap { found in
            guard let first = found.entries.first else { return nil }
            let places = found.entries.map { VisibleText.shown("\($0.server)/\($0.name)") }.joined(separator: ", ")
            func finding(
                _ code: MetadataFinding.Code, _ severity: Severity, _ text: String, _ mend: String
            ) -> MetadataFinding {
                MetadataFinding(
                    code: code, severity: severity, tool: first.name, place: "\(first.server)/\(first.name)",
                    quote: places, text: text, mend: mend)
            }
            switch found.kind {
            case .repeatedName:
                return finding(
                    .collidingName, .high, "the server lists two tools of one name",
                    "rename one; which of them a call reaches is chance")
            case .duplicateName:
                return finding(
                    .collidingName, .low, "several servers list a tool of this name",
                    "call them behind one endpoint that prefixes names, such as /mcp")
            case .lookAlike:
                let isAcross = Set(found.entries.map(\.server)).count > 1
                return finding(
                    .lookAlikeName, isAcross ? .medium : .low, "different names that look alike",
                    "look which one is genuine, and hide the other")
            // Each definition's own findings tell of those.
            case .hiddenCharacters: return nil
            }
        }
    }

    /// Tools of different servers whose names differ in two neighbouring letters that changed places.
    private static func swappedLetters(_ servers: [ServerProfile]) -> [MetadataFinding] {
        var groups: [[UInt8]: [(server: String, name: String)]] = [:]
        for server in servers {
            for name in Set(server.tools.map(\.name)) where name.utf8.count >= 6 {
                groups[name.utf8.sorted(), default: []].append((server.name, name))
            }
        }
        var findings: [MetadataFinding] = []
        for group in groups.values where group.count > 1 {
            let sorted = group.sorted { ($0.server, $0.name) < ($1.server, $1.name) }
            for (index, one) in sorted.enumerated() {
                for other in sorted[(index + 1)...] where one.server != other.server && isSwapped(one.name, other.name)
                {
                    findings.append(
                        MetadataFinding(
                            code: .lookAlikeName, severity: .medium, tool: one.name, place: "\(one.server)/\(one.name)",
                            quote: VisibleText.shown("\(one.server)/\(one.name), \(other.server)/\(other.name)"),
                            text: "different names that look alike: two letters changed places",
                            mend: "look which one is genuine, and hide the other"))
                }
            }
        }
        return findings.sorted { $0.place < $1.place }
    }

    private static func isSwapped(_ a: String, _ b: String) -> Bool {
        let different = zip(a.utf8, b.utf8).enumerated().filter { $0.element.0 != $0.element.1 }.map(\.offset)
        return different.count == 2 && different[1] == different[0] + 1
    }

    /// Servers whose names are one letter apart, or look alike: one may pass for the other.
    private static func serversAlike(_ servers: [ServerProfile]) -> [MetadataFinding] {
        var findings: [MetadataFinding] = []
        for (index, server) in servers.enumerated() {
            for other in servers[(index + 1)...] where server.name != other.name && isAlike(server.name, other.name) {
                findings.append(
                    MetadataFinding(
                        code: .lookAlikeName, severity: .medium, tool: nil, place: server.name,
                        quote: VisibleText.shown("\(server.name), \(other.name)"),
                        text: "two servers have names that look alike",
                        mend: "look which one is genuine, and remove the other"))
            }
        }
        return findings
    }

    private static func isAlike(_ a: String, _ b: String) -> Bool {
        let (first, second) = (LookAlikeNames.skeleton(a), LookAlikeNames.skeleton(b))
        if first == second { return true }
        // Names that count on, `shard1` and `shard2`, are meant to.
        return min(first.utf8.count, second.utf8.count) >= 5 && editDistance(first, second, limit: 1) != nil
            && a.filter { !$0.isNumber } != b.filter { !$0.isNumber }
    }

    /// Names that are plain words stand in many texts by chance; those that are put together are meant.
    private static func isDistinctive(_ name: String) -> Bool {
        name.utf8.count >= 6
            && (name.contains("_") || name.contains("-") || name.dropFirst().contains(where: \.isUppercase))
    }

    private static func references(_ servers: [ServerProfile]) -> [MetadataFinding] {
        var owners: [String: Set<String>] = [:]
        for server in servers {
            for tool in server.tools where isDistinctive(tool.name) {
                owners[tool.name, default: []].insert(server.name)
            }
        }
        var findings: [MetadataFinding] = []
        for server in servers {
            for tool in server.tools {
                for text in DefinitionTexts(tool.entry).all where text.role != .name {
                    guard let (word, owner) = foreign(text.text, server.name, owners) else { continue }
                    findings.append(
                        MetadataFinding(
                            code: .crossToolReference, severity: .medium, tool: tool.name, place: text.place,
                            quote: VisibleText.quote(text.text, around: word.place),
                            text: "the text speaks of the tool `\(word.text)` of the server `\(owner)`",
                            mend: "look whether it changes how that tool is used"))
                }
            }
        }
        return findings
    }

    /// The first word that names another server's tool, and that server.
    private static func foreign(
        _ text: String, _ server: String, _ owners: [String: Set<String>]
    ) -> (word: (text: String, place: Range<Int>), owner: String)? {
        let scalars = Array(text.unicodeScalars)
        var start = 0
        while start < scalars.count {
            guard isWord(scalars[start]) else {
                start += 1
                continue
            }
            let end = scalars[start...].firstIndex { !isWord($0) } ?? scalars.count
            let word = String(String.UnicodeScalarView(scalars[start..<end]))
            if let listed = owners[word], !listed.contains(server), let owner = listed.min() {
                return ((word, start..<end), owner)
            }
            start = end
        }
        return nil
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar == "-" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
    }
}
