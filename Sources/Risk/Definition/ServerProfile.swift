/// What is known of a server besides the tool that is judged.
package struct ServerProfile: Sendable {
    /// What it is called in the configuration, or calls itself.
    package let name: String
    /// Its `instructions` and what a registry says of it; empty when nobody says anything.
    package let description: String
    /// The tools that it lists, the judged one among them.
    package let tools: [ToolDefinition]
    /// A person has approved these very definitions and trusts their annotations; then they may lower a risk.
    package let isTrusted: Bool

    /// Hints that not all tools state alike.
    // COST: found once for the server; asked for each tool anew, a long list would cost the square of its length.
    let variedHints: Set<ToolHint>

    package init(name: String, description: String = "", tools: [ToolDefinition], isTrusted: Bool = false) {
        self.name = name
        self.description = description
        self.tools = tools
        self.isTrusted = isTrusted
        variedHints = Set(
            ToolHint.allCases.filter { hint in
                let first = tools.first?.hint(hint)
                return tools.contains { $0.hint(hint) != first }
            })
    }
}
