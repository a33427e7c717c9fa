package import Base
package import JSON

/// The catalogue's classes of tools, from harmless to costly.
package enum ToolCategory: String, Sendable, CaseIterable {
    case read, write, execute, destructive, financial
}

/// What is known of a tool besides the call. Made once per `tools/list` and kept by name.
package final class ToolFacts: Sendable {
    /// Exactly as the server lists it.
    package let name: String
    /// Nil: not classified; then no category selector matches the tool.
    package let category: ToolCategory?
    /// The catalogue's judgement, for the path `tool.severity`.
    package let severity: String?
    /// The tool's `annotations` object.
    package let annotations: JSONView?
    /// Nil: the tool has no `inputSchema`, and its arguments are not checked against one.
    package let schema: CompiledSchema?

    /// All parts; those that may be unknown default to nil.
    package init(
        name: String, category: ToolCategory? = nil, severity: String? = nil, annotations: JSONView? = nil,
        schema: CompiledSchema? = nil
    ) {
        self.name = name
        self.category = category
        self.severity = severity
        self.annotations = annotations
        self.schema = schema
    }
}

/// Who calls, as far as the gateway knows it for certain.
package final class GrantFacts: Sendable {
    /// The gateway's own id; counters of scope `grant` hang on it.
    package let id: String
    /// What the administrator called it.
    package let label: String
    /// The person or system behind it; nil if none was named.
    package let identity: String?

    /// The facts of one grant.
    package init(id: String, label: String, identity: String?) {
        self.id = id
        self.label = label
        self.identity = identity
    }
}

/// What the client says of itself.
package final class ClientFacts: Sendable {
    /// `clientInfo.name` of `initialize`.
    package let name: String?
    /// `clientInfo.version` of `initialize`.
    package let version: String?

    /// What `initialize` has said; nil where it said nothing.
    package init(name: String?, version: String?) {
        self.name = name
        self.version = version
    }
}

/// Everything a decision may depend on, besides the policy and the counters.
package struct CallFacts: Sendable {
    /// What the decision is about.
    package var subject: Subject
    /// The name as it will be forwarded, with the subject's prefix unless it is a tool's.
    package var tool: String
    /// The value of `params.arguments` in the very document that is forwarded. Nil counts as `{}`; anything but an object
    /// is denied.
    package var arguments: JSONView?
    /// What is known of the tool; nil if the server does not list it.
    package var facts: ToolFacts?
    /// The server's name.
    package var server: String
    /// Who calls.
    package var grant: GrantFacts
    /// What the client says of itself.
    package var client: ClientFacts?
    /// The session's id; limits of scope `session` deny calls without one.
    package var session: String?
    /// The caller's address as text.
    package var ip: String?
    /// The time of the decision.
    package var now: Instant

    /// All parts; those that may be unknown default to nil. `tool` is a `selectorName(of:)`.
    package init(
        subject: Subject = .tool, tool: String, arguments: JSONView?, facts: ToolFacts? = nil, server: String,
        grant: GrantFacts,
        client: ClientFacts? = nil, session: String? = nil, ip: String? = nil, now: Instant
    ) {
        self.subject = subject
        self.tool = tool
        self.arguments = arguments
        self.facts = facts
        self.server = server
        self.grant = grant
        self.client = client
        self.session = session
        self.ip = ip
        self.now = now
    }
}
