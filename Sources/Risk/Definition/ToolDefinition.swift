package import JSON

/// A tool as its server lists it, ready to be judged: views into the list's own bytes.
package struct ToolDefinition: Sendable {
    /// The entry of `tools/list`.
    package let entry: JSONView
    /// `name`, never empty.
    package let name: String
    /// `title`, else `annotations.title`.
    package let title: String?
    /// `description`; empty when there is none.
    package let description: String
    /// `inputSchema`, if it is an object.
    package let inputSchema: JSONView?
    /// `annotations`, if it is an object.
    package let annotations: JSONView?

    /// Nil when the entry is no object with a `name`: such a tool can't be called.
    package init?(_ entry: JSONView) {
        guard let name = entry["name"]?.string, !name.isEmpty else { return nil }
        self.entry = entry
        self.name = name
        let annotations = entry["annotations"].flatMap { $0.kind == .object ? $0 : nil }
        title = entry["title"]?.string ?? annotations?["title"]?.string
        description = entry["description"]?.string ?? ""
        inputSchema = entry["inputSchema"].flatMap { $0.kind == .object ? $0 : nil }
        self.annotations = annotations
    }

    /// What the author says in `annotations`; nil where he says nothing, which is not the protocol's default.
    package func hint(_ hint: ToolHint) -> Bool? { annotations?[hint.rawValue]?.bool }
}

/// The hints that a tool's annotations may give (MCP, `ToolAnnotations`).
package enum ToolHint: String, Sendable, CaseIterable {
    case readOnly = "readOnlyHint"
    case destructive = "destructiveHint"
    case idempotent = "idempotentHint"
    case openWorld = "openWorldHint"
}
