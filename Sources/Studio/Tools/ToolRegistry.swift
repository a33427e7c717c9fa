import Base
import JSON

/// The tools of a studio by name, and what `tools/list` says of them.
package struct ToolRegistry: Sendable {
    /// In the order of the list, which never changes while the program runs.
    package let tools: [any Tool]

    /// What these tools made.
    package let shelf: any ResourceShelf

    /// Names must differ.
    package init(_ tools: [any Tool], shelf: any ResourceShelf) {
        self.tools = tools
        self.shelf = shelf
    }

    /// The tool of exactly this name.
    package subscript(name: String) -> (any Tool)? {
        tools.first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    /// The known name that is most like an unknown one.
    package func suggestion(for name: String) -> String? {
        nearest(name, among: tools.map(\.name))
    }

    /// The result of `tools/list`.
    package func list(_ dialect: Dialect) -> JSONValue {
        .members([("tools", .array(tools.map { Self.describe($0, dialect) }))])
    }

    private static func describe(_ tool: any Tool, _ dialect: Dialect) -> JSONValue {
        var members: [(String, JSONValue)] = [("name", .string(tool.name))]
        if dialect.hasStructuredResults { members.append(("title", .string(tool.title))) }
        members.append(("description", .string(tool.description)))
        members.append(("inputSchema", tool.parameters.schema))
        if dialect.hasStructuredResults { members.append(("outputSchema", tool.outputSchema)) }
        let annotations = tool.annotations
        members.append(
            (
                "annotations",
                .members([
                    ("title", .string(tool.title)),
                    ("readOnlyHint", .bool(annotations.isReadOnly)),
                    ("destructiveHint", .bool(annotations.isDestructive)),
                    ("idempotentHint", .bool(annotations.isIdempotent)),
                    ("openWorldHint", .bool(annotations.isOpenWorld)),
                ])
            ))
        return .members(members)
    }
}

/// What the negotiated protocol version lets a result contain.
package struct Dialect: Sendable, Hashable {
    /// `structuredContent`, `outputSchema`, `title` and `resource_link` came with 2025-06-18.
    package let hasStructuredResults: Bool

    /// What a version knows.
    package init(hasStructuredResults: Bool) {
        self.hasStructuredResults = hasStructuredResults
    }
}
