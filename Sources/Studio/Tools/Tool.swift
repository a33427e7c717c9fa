import JSON

/// One tool of the studio: what agents read about it, and what it does.
package protocol Tool: Sendable {
    var name: String { get }
    /// For people; agents see `name`.
    var title: String { get }
    var description: String { get }
    var annotations: ToolAnnotations { get }
    var parameters: ParameterList { get }
    /// JSON Schema of the structured result, failures included.
    var outputSchema: JSONValue { get }

    /// Carries out one call. Runs on the loop: anything that blocks goes through `call.work`.
    func call(_ arguments: ToolArguments, _ call: CallContext) async throws(StudioError) -> ToolOutcome
}

/// What a tool promises about its effects (MCP's `annotations`).
package struct ToolAnnotations: Sendable, Equatable {
    /// Whether it changes nothing at all.
    package let isReadOnly: Bool
    /// Whether it may change or remove what was there before.
    package let isDestructive: Bool
    /// Whether the same call again has no further effect.
    package let isIdempotent: Bool
    /// Whether the tool talks to the world outside this machine.
    package let isOpenWorld: Bool

    /// All four hints, so that none is forgotten.
    package init(isReadOnly: Bool, isDestructive: Bool, isIdempotent: Bool, isOpenWorld: Bool) {
        self.isReadOnly = isReadOnly
        self.isDestructive = isDestructive
        self.isIdempotent = isIdempotent
        self.isOpenWorld = isOpenWorld
    }
}

/// What a tool has to say after it worked.
package struct ToolOutcome: Sendable, Equatable {
    /// One sentence.
    package var message: String
    /// The objects of `result.data`; nil: a tool whose result is only `facts`.
    package var data: [JSONValue]?
    /// Members beside `status`, `message` and `result`, for example `engine`.
    package var facts: [JSONMember]
    /// Small pictures to look at.
    package var previews: [Preview]
    /// Where the pictures themselves are.
    package var links: [ResourceLink]
    /// What failed while the rest worked.
    package var failures: [StudioError]

    /// What every tool has to say; the rest may be left out.
    package init(
        message: String, data: [JSONValue]?, facts: [JSONMember] = [], previews: [Preview] = [],
        links: [ResourceLink] = [], failures: [StudioError] = []
    ) {
        self.message = message
        self.data = data
        self.facts = facts
        self.previews = previews
        self.links = links
        self.failures = failures
    }
}

/// An image content block.
package struct Preview: Sendable, Equatable {
    /// Of the preview, not of the picture.
    package let mimeType: String
    /// Its file.
    package let base64: String
}

/// A `resource_link` content block.
package struct ResourceLink: Sendable, Equatable {
    /// One of ``ResourceURI``.
    package let uri: String
    /// A file name.
    package let name: String
    /// What it is, for people.
    package let description: String
    /// Of the file.
    package let mimeType: String
    /// Bytes.
    package let size: Int

    /// As `resources/list` has it.
    var json: JSONValue { .members(members) }

    /// As a content block.
    var block: JSONValue { .members([("type", "resource_link")] + members) }

    private var members: [(String, JSONValue)] {
        [
            ("uri", .string(uri)), ("name", .string(name)), ("description", .string(description)),
            ("mimeType", .string(mimeType)), ("size", .int(size)),
        ]
    }
}
