internal import Base
internal import JSON
internal import MCP
internal import Risk

/// What a server said, from a file: a result of `tools/list`, the JSON-RPC answer around it, `{"server": …, "tools": […]}`,
/// an array of tools, what a scan has printed, or an array of any of these.
package enum SavedTools {
    /// The most that is read of a file.
    package static let maxBytes = 64 << 20
    private static let maxServers = 100_000

    /// - Parameters:
    ///   - name: The file's, for messages.
    ///   - fallback: The server's name, where the file does not say it.
    /// - Throws: `unreadable` or `unknownShape`.
    package static func read(
        _ bytes: [UInt8], name: String, fallback: String
    ) throws(CatalogueError) -> [ServerMaterial] {
        let root: JSONView
        do throws(JSONError) {
            root = try JSONDocument.parse(bytes, limits: JSONLimits(maxBytes: maxBytes, maxTokens: 20_000_000)).root
        } catch {
            let place = error.position(in: bytes)
            throw CatalogueError(
                .unreadable, "\(name), line \(place.line), column \(place.column): \(error.message)",
                mend: "save the result of tools/list as it comes, or use 'sluice server tools NAME --json'")
        }
        let lines = LineIndex(bytes)
        let many = root["servers"].flatMap { $0.kind == .array ? $0 : nil } ?? root
        guard many.kind == .array, root.kind == .object || many[0].map({ list($0) != nil }) == true else {
            return [try material(root, name, fallback, lines)]
        }
        guard many.count <= maxServers else {
            throw CatalogueError(
                .unknownShape, "\(name) has more than \(maxServers) servers", mend: "split the file")
        }
        var materials: [ServerMaterial] = []
        for (number, part) in many.elements.enumerated() {
            materials.append(try material(part, name, "\(fallback)-\(number + 1)", lines))
        }
        return materials
    }

    /// The object that has the tools.
    private static func list(_ view: JSONView) -> JSONView? {
        if view["tools"] != nil { return view }
        return view["result"].flatMap { $0["tools"] != nil ? $0 : nil }
    }

    private static func material(
        _ root: JSONView, _ name: String, _ fallback: String, _ lines: LineIndex
    ) throws(CatalogueError) -> ServerMaterial {
        let holder = list(root)
        guard let tools = root.kind == .array ? root : holder?["tools"], tools.kind == .array else {
            let mend =
                "a tools/list result is {\"tools\": […]}; the registry's page is read by 'sluice scan --registry'"
            if let error = root["error"], root["jsonrpc"] != nil {
                let text = VisibleText.shown((error["message"]?.string ?? "").prefix(400))
                throw CatalogueError(.unknownShape, "\(name) is an error that a server answered: \(text)", mend: mend)
            }
            throw CatalogueError(.unknownShape, "\(name) has no list of tools", mend: mend)
        }
        var material = ServerMaterial(name: fallback)
        material.file = name
        material.lines = lines
        material.describe(root, holder)
        material.takeTools(tools, isScan: isScan(root))
        for kind in [ListKind.prompts, .resources, .resourceTemplates] {
            guard let list = holder?[kind.rawValue], list.kind == .array else { continue }
            material.lists[kind] = list.elements.filter { $0[kind.key]?.string != nil }
        }
        if let cursor = holder?["nextCursor"]?.string, !cursor.isEmpty {
            material.incomplete.append("the saved page names a next one, which is not in the file")
        }
        return material
    }

    /// Whether it looks like what a scan has printed. A server can add all of these to its answer, so nothing that
    /// follows from it may make a tool look better: see `definition(of:)`.
    private static func isScan(_ root: JSONView) -> Bool {
        root["tools"] != nil && root["server"]?.string != nil && root["context_tokens"]?.int != nil
            && root["policy"]?.kind == .object
    }
}

extension ServerMaterial {
    /// What the file says of the server beside its tools.
    fileprivate mutating func describe(_ root: JSONView, _ holder: JSONView?) {
        let server = holder?["server"] ?? root["server"]
        let info = (holder?["serverInfo"] ?? root["serverInfo"])
        func text(_ key: String) -> String? { server?[key]?.string ?? holder?[key]?.string }
        for title in [server?.string, server?["name"]?.string, info?["name"]?.string] {
            guard let title, !title.isEmpty else { continue }
            name = title
            break
        }
        description = text("description") ?? ""
        instructions = holder?["instructions"]?.string ?? server?["instructions"]?.string
        source = text("source") ?? ""
        release = text("version") ?? info?["version"]?.string ?? text("commit") ?? ""
        let place = server?["repository"] ?? holder?["repository"]
        repository = place?.string ?? place?["url"]?.string ?? ""
        if let notes = holder?["incomplete"], notes.kind == .array { incomplete = notes.elements.compactMap(\.string) }
    }

    /// What a scan's entry says that the server listed; the entry itself, if it could be a tool. Otherwise a server
    /// could have a harmless `definition` judged in place of what its clients read.
    private static func definition(of entry: JSONView) -> JSONView {
        // Scans have none of these outside the definition, and no client takes a tool without `inputSchema`.
        for key in ["inputSchema", "description", "title", "annotations", "outputSchema"] where entry[key] != nil {
            return entry
        }
        guard let definition = entry["definition"], definition.kind == .object, let name = entry["name"]?.string,
            definition["name"]?.string == name
        else { return entry }
        return definition
    }

    /// Takes the definitions and nothing that the file says of them: each is judged anew.
    fileprivate mutating func takeTools(_ tools: JSONView, isScan: Bool) {
        var nameless = 0
        var entries: [JSONView] = []
        for entry in tools.elements {
            let definition = isScan ? Self.definition(of: entry) : entry
            guard let name = definition["name"]?.string, !name.isEmpty else {
                nameless += 1
                continue
            }
            entries.append(definition)
        }
        if !entries.isEmpty { lists[.tools] = entries }
        if nameless > 0 {
            incomplete.append(
                nameless == 1 ? "1 entry of the list has no name" : "\(nameless) entries of the list have no name")
        }
    }
}
