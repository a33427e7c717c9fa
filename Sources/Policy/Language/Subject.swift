/// What a decision is about. All but tools have a prefix in the policy's selectors; a name is written with it everywhere in
/// the engine, so that `resource:file:///a` and a tool can't be taken for each other.
package enum Subject: String, Sendable, CaseIterable {
    /// `tools/call`
    case tool
    /// `resources/read`, by URI
    case resource
    /// `prompts/get`, by name
    case prompt
    /// What a server asks of the client: `client:sampling`, `client:elicitation`, `client:roots`
    case client

    /// The subject that a name or a selector is about.
    package init(of name: String) {
        switch name.utf8.first {
        case UInt8(ascii: "r") where name.utf8.starts(with: "resource:".utf8): self = .resource
        case UInt8(ascii: "p") where name.utf8.starts(with: "prompt:".utf8): self = .prompt
        case UInt8(ascii: "c") where name.utf8.starts(with: "client:".utf8): self = .client
        default: self = .tool
        }
    }

    /// The name as selectors write it.
    package func selectorName(of name: String) -> String { self == .tool ? name : "\(rawValue):\(name)" }

    /// What can follow `client:`.
    static let clientRequests = ["sampling", "elicitation", "roots"]
}
