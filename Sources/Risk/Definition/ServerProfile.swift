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

    package init(name: String, description: String = "", tools: [ToolDefinition], isTrusted: Bool = false) {
        self.name = name
        self.description = description
        self.tools = tools
        self.isTrusted = isTrusted
    }
}
