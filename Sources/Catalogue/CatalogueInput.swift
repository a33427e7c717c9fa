internal import JSON
package import Risk

/// A server's tools out of a file: the output of a scan, or a saved `tools/list`.
package struct CatalogueInput: Sendable {
    /// Bytes that a file may have.
    package static let largestFile = 64 << 20
    /// Bytes that one definition may have.
    private static let largestDefinition = 1 << 20

    package var name: String
    package let version: String
    package let source: String
    package let about: String
    package let tools: [ToolDefinition]
    /// What a scan said of tools whose definitions it did not write down, by name.
    let stated: [String: JSONView]
    /// What a scan found outside of tools; nil: not scanned yet.
    let findings: JSONView?

    /// - Parameter fallback: the server's name where the file names none.
    /// - Throws: `unreadable`, `unknownShape` or `tooLarge`.
    package static func read(_ bytes: [UInt8], named fallback: String) throws(CatalogueError) -> [CatalogueInput] {
        let root: JSONView
        do throws(JSONError) {
            var limits = JSONLimits.standard
            limits.maxBytes = largestFile
            limits.maxTokens = 20_000_000
            root = try JSONDocument.parse(bytes, limits: limits).root
        } catch {
            throw CatalogueError(
                .unreadable, "\(error.position(in: bytes)): \(error.message)",
                mend: "save what 'sluice scan --format json' prints, or the result of tools/list")
        }
        if let servers = root["servers"], servers.kind == .array {
            var inputs: [CatalogueInput] = []
            for server in servers.elements { inputs.append(try CatalogueInput(server, fallback)) }
            return inputs
        }
        if root.kind == .array, root.count > 0, root.elements.allSatisfy({ $0["tools"] != nil }) {
            var inputs: [CatalogueInput] = []
            for server in root.elements { inputs.append(try CatalogueInput(server, fallback)) }
            return inputs
        }
        return [try CatalogueInput(root["result"] ?? root, fallback)]
    }

    private init(_ view: JSONView, _ fallback: String) throws(CatalogueError) {
        let list = view.kind == .array ? view : view["tools"]
        guard let list, list.kind == .array else {
            throw CatalogueError(
                .unknownShape, "there is no list `tools` in it",
                mend: "a scan's output, {\"tools\": […]} and {\"server\": …, \"tools\": […]} are read here")
        }
        let info = view["serverInfo"]
        name = view["server"]?.string ?? info?["name"]?.string ?? fallback
        version = view["version"]?.string ?? info?["version"]?.string ?? view["commit"]?.string ?? ""
        source = view["source"]?.string ?? view["repository"]?.string ?? ""
        about = view["instructions"]?.string ?? view["description"]?.string ?? ""
        var tools: [ToolDefinition] = []
        var stated: [String: JSONView] = [:]
        for (index, element) in list.elements.enumerated() {
            let entry = element["definition"] ?? element
            guard let tool = ToolDefinition(entry) else {
                throw CatalogueError(
                    .unknownShape, "element \(index + 1) of `tools` is no object with a name",
                    mend: "leave it out of a copy; such a tool can't be called")
            }
            guard entry.range.count <= Self.largestDefinition else {
                throw CatalogueError(
                    .tooLarge,
                    "the definition of `\(VisibleText.shown(tool.name.prefix(80)))` has \(entry.range.count) bytes",
                    mend: "the catalogue keeps definitions of up to \(Self.largestDefinition >> 10) KiB")
            }
            if element["definition"] == nil, element["category"]?.string != nil, element["severity"]?.string != nil {
                stated[tool.name] = element
            }
            tools.append(tool)
        }
        self.tools = tools
        self.stated = stated
        findings = view["context_tokens"] == nil ? nil : view["findings"].flatMap { $0.kind == .array ? $0 : nil }
    }
}
