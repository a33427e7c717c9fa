/// The protocol revisions with a handshake that we speak, oldest first.
package enum MCPVersion: String, Sendable, CaseIterable, Comparable {
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"

    package static let newest = MCPVersion.november2025

    /// What a server answers to a client that asked for `text`: the same if it is known, else our newest.
    ///
    /// Source: MCP 2025-11-25, lifecycle, "Version Negotiation".
    package static func negotiated(_ text: String) -> MCPVersion { MCPVersion(rawValue: text) ?? newest }

    /// JSON-RPC batches were part of this revision only.
    package var allowsBatches: Bool { self == .march2025 }

    package static func < (a: MCPVersion, b: MCPVersion) -> Bool { a.rawValue < b.rawValue }
}
