import JSON

/// One argument of a tool, declared once: its JSON Schema, its check and its default all come from here.
package struct Parameter: Sendable {
    /// What values are allowed. Ranges include both ends.
    package enum Kind: Sendable {
        /// A text of at most so many UTF-8 bytes, not empty.
        case text(maxBytes: Int)
        /// One of these words, compared exactly.
        case choice([String])
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Double>)
        case boolean
        /// A version 4 UUID in its usual form.
        case uuid
    }

    /// As agents write it.
    package let name: String
    /// What the agent reads.
    package let summary: String
    /// What values are accepted.
    package let kind: Kind
    /// Whether a call without it is refused.
    package let isRequired: Bool
    /// Used when the argument is absent; nil when absence means something of its own.
    package let fallback: ArgumentValue?

    private init(_ name: String, _ kind: Kind, _ summary: String, isRequired: Bool, fallback: ArgumentValue?) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.isRequired = isRequired
        self.fallback = fallback
    }

    /// An argument that every call must carry.
    package static func required(_ name: String, _ kind: Kind, _ summary: String) -> Parameter {
        Parameter(name, kind, summary, isRequired: true, fallback: nil)
    }

    /// An argument that a call may leave out.
    package static func optional(
        _ name: String, _ kind: Kind, _ summary: String, default fallback: ArgumentValue? = nil
    ) -> Parameter {
        Parameter(name, kind, summary, isRequired: false, fallback: fallback)
    }

    /// The JSON Schema (draft 2020-12) of this argument.
    package var schema: JSONValue {
        var members: [(String, JSONValue)] = []
        switch kind {
        case .text:
            // The byte limit stays out of the schema: `maxLength` counts characters, and no agent needs it.
            members = [("type", "string"), ("minLength", .int(1))]
        case .choice(let words):
            members = [("type", "string"), ("enum", .array(words.map { .string($0) }))]
        case .integer(let range):
            members = [
                ("type", "integer"), ("minimum", .int(range.lowerBound)), ("maximum", .int(range.upperBound)),
            ]
        case .number(let range):
            members = [
                ("type", "number"), ("minimum", .real(range.lowerBound)), ("maximum", .real(range.upperBound)),
            ]
        case .boolean:
            members = [("type", "boolean")]
        case .uuid:
            members = [("type", "string"), ("format", "uuid"), ("pattern", .string(UUIDText.version4Pattern))]
        }
        if let fallback { members.append(("default", fallback.json)) }
        members.append(("description", .string(summary)))
        return .members(members)
    }
}

/// A checked value of one argument.
package enum ArgumentValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case boolean(Bool)

    /// The value as it stands in a schema's `default`.
    package var json: JSONValue {
        switch self {
        case .text(let text): .string(text)
        case .integer(let n): .int(n)
        case .number(let n): .real(n)
        case .boolean(let b): .bool(b)
        }
    }
}
