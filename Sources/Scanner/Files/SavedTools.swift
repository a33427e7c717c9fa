import Base
import JSON
import MCP

/// What a server said, from a file: a result of `tools/list`, the JSON-RPC answer around it, `{"server": …, "tools": […]}`,
/// an array of tools, or an array of any of these.
package enum SavedTools {
    /// The most that is read of a file.
    package static let maxBytes = 64 << 20
    private static let maxServers = 1_000

    /// - Parameter fallback: the server's name, where the file does not say it.
    /// - Throws: `ScanError` for anything else.
    package static func read(_ bytes: [UInt8], name: String, fallback: String) throws(ScanError) -> [ServerMaterial] {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(bytes, limits: JSONLimits(maxBytes: maxBytes, maxTokens: 8_000_000))
        } catch {
            let place = error.position(in: bytes)
            throw ScanError(
                .unreadable, "\(name), line \(place.line), column \(place.column): \(error.message)",
                mend: "save the result of tools/list as it comes, or use 'sluice server tools NAME --json'")
        }
        let root = document.root
        if root.kind == .array, let first = root[0], list(first) != nil || first["tools"] != nil {
            guard root.count <= maxServers else {
                throw ScanError(.unknownShape, "\(name) has more than \(maxServers) servers", mend: "split the file")
            }
            var materials: [ServerMaterial] = []
            for (number, part) in root.elements.enumerated() {
                materials.append(try material(part, name, "\(fallback)-\(number + 1)"))
            }
            return materials
        }
        return [try material(root, name, fallback)]
    }

    /// The object that has the tools.
    private static func list(_ view: JSONView) -> JSONView? {
        if view["tools"]?.kind == .array { return view }
        return view["result"].flatMap { $0["tools"]?.kind == .array ? $0 : nil }
    }

    private static func material(_ root: JSONView, _ name: String, _ fallback: String) throws(ScanError)
        -> ServerMaterial
    {
        let holder = list(root)
        guard let tools = root.kind == .array ? root : holder?["tools"] else {
            let mend = "a tools/list result is {\"tools\": […]}; the registry's page is read with --registry"
            if let error = root["error"], root["jsonrpc"] != nil {
                let text = Visible.text(error["message"]?.string ?? "")
                throw ScanError(.unknownShape, "\(name) is an error that a server answered: \(text)", mend: mend)
            }
            throw ScanError(.unknownShape, "\(name) has no list of tools", mend: mend)
        }
        let server = holder?["server"] ?? root["server"]
        let title = server?.string ?? server?["name"]?.string
        var material = ServerMaterial(name: title.flatMap { $0.isEmpty ? nil : $0 } ?? fallback)
        material.file = name
        material.lines = LineIndex(tools.document.bytes)
        material.description = server?["description"]?.string ?? ""
        material.instructions = holder?["instructions"]?.string ?? server?["instructions"]?.string
        var nameless = 0
        for entry in tools.elements {
            if let name = entry["name"]?.string, !name.isEmpty {
                material.lists[.tools, default: []].append(entry)
            } else {
                nameless += 1
            }
        }
        if nameless > 0 { material.incomplete.append("\(nameless) entries of the list have no name") }
        for kind in [ListKind.prompts, .resources, .resourceTemplates] {
            guard let list = holder?[kind.rawValue], list.kind == .array else { continue }
            material.lists[kind] = list.elements.filter { $0[kind.key]?.string != nil }
        }
        if let cursor = holder?["nextCursor"]?.string, !cursor.isEmpty {
            material.incomplete.append("the saved page names a next one, which is not in the file")
        }
        return material
    }
}
