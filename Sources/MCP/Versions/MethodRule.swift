/// Who sends a message.
package enum Party: String, Sendable, CaseIterable {
    case client, server
}

/// In what shape a method goes over the wire.
package enum MethodShape: String, Sendable, CaseIterable {
    case request, notification
    /// An object inside an "input required" result or a task: what the modern era has in place of a server's request.
    case inputRequest
}

/// The ids of official extensions that change which methods there are.
package enum ExtensionID {
    package static let tasks = "io.modelcontextprotocol/tasks"
    package static let ui = "io.modelcontextprotocol/ui"
}

/// One method, in one shape and direction, with the versions that know it.
package struct MethodRule: Sendable, Hashable {
    /// The method's name.
    package let name: String
    package let shape: MethodShape
    /// Who may send it.
    package let sender: Party
    /// The first and the last version that know it.
    package let versions: ClosedRange<ProtocolVersion>
    /// The extension that both sides must have declared for it, in the versions that have extensions.
    package var needsExtension: String?
    /// Not over HTTP in the modern era.
    package var isStdioOnlyWhenModern = false
    /// The server's capability that stands behind it, a path of member names; empty if none.
    package var serverCapability: [String] = []
    /// The client's capability that stands behind it, a path of member names; empty if none.
    package var clientCapability: [String] = []
}

/// Whether a method may be used, and if not why.
package enum Legality: Sendable, Hashable {
    case legal
    /// No version knows the name; the gateway passes it on and lets the other side judge.
    case unknown
    /// Known to later versions only.
    case notYet(since: ProtocolVersion)
    /// Known to earlier versions only.
    case removed(lastIn: ProtocolVersion)
    /// The other side sends it, not this one.
    case wrongDirection
    /// A request where a notification is meant, or the like.
    case wrongShape(expected: MethodShape)
    /// Only if both sides have declared the extension.
    case needsExtension(String)
    /// In the modern era it exists on stdio, not over HTTP.
    case stdioOnly

    /// One sentence for the other side; empty when legal.
    package var text: String {
        switch self {
        case .legal: ""
        case .unknown: "no version of the protocol knows this method"
        case .notYet(let version): "this method exists since \(version.rawValue)"
        case .removed(let version): "this method was last in \(version.rawValue)"
        case .wrongDirection: "this method goes the other way"
        case .wrongShape(let expected):
            "this method is a \(expected == .inputRequest ? "input request" : expected.rawValue)"
        case .needsExtension(let id): "this method needs the extension \(id), declared by both sides"
        case .stdioOnly: "over HTTP this method does not exist; close the response stream instead"
        }
    }
}
