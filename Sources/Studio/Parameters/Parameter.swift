import JSON

/// One argument of a tool, declared once: its JSON Schema, its check and its default all come from here.
package struct Parameter: Sendable {
    /// What values are allowed. Ranges include both ends.
    package indirect enum Kind: Sendable {
        /// A text of at most so many UTF-8 bytes, not empty.
        case text(maxBytes: Int)
        /// A text for a model to read: so many Unicode code points.
        case prompt(ClosedRange<Int>)
        /// One of these words, compared exactly.
        case choice([String])
        case integer(ClosedRange<Int64>, multipleOf: Int64 = 1)
        case number(ClosedRange<Double>)
        case boolean
        /// A version 4 UUID in its usual form.
        case uuid
        /// A model's id in the form `provider:model@version`.
        case air
        /// Where in a video: `first`, `last` or a frame's number.
        case frame
        /// A picture: path, URL, UUID, data URI or base64. Every argument of this kind is resolved before an engine sees it.
        case image
        /// So many values of one kind. `orText`: a text that holds them as JSON is taken as well, as the original did.
        case list(Kind, count: ClosedRange<Int>, orText: Bool = false)
        /// An object with these members and no others.
        case object([Parameter], rules: [ParameterRule] = [])
        /// Any object, handed on as it is, of at most so many bytes.
        case anyObject(maxBytes: Int)
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
        var members = Self.schema(of: kind)
        if let fallback { members.append(("default", fallback.json)) }
        members.append(("description", .string(summary)))
        return .members(members)
    }

    private static func schema(of kind: Kind) -> [(String, JSONValue)] {
        switch kind {
        case .text, .image:
            // The byte limit stays out of the schema: `maxLength` counts characters, and no agent needs it.
            return [("type", "string"), ("minLength", .int(1))]
        case .prompt(let length):
            return [
                ("type", "string"), ("minLength", .int(length.lowerBound)), ("maxLength", .int(length.upperBound)),
            ]
        case .choice(let words):
            return [("type", "string"), ("enum", .array(words.map { .string($0) }))]
        case .integer(let range, let step):
            var members: [(String, JSONValue)] = [
                ("type", "integer"), ("minimum", .int(range.lowerBound)), ("maximum", .int(range.upperBound)),
            ]
            if step != 1 { members.append(("multipleOf", .int(step))) }
            return members
        case .number(let range):
            return [("type", "number"), ("minimum", .real(range.lowerBound)), ("maximum", .real(range.upperBound))]
        case .boolean:
            return [("type", "boolean")]
        case .uuid:
            return [("type", "string"), ("format", "uuid"), ("pattern", .string(UUIDText.version4Pattern))]
        case .air:
            return [("type", "string"), ("pattern", .string(ModelID.pattern)), ("maxLength", .int(ModelID.maxLength))]
        case .frame:
            return [("anyOf", [["type": "string", "enum": ["first", "last"]], ["type": "integer", "minimum": 0]])]
        case .list(let element, let count, let orText):
            return [
                ("type", orText ? ["array", "string"] : "array"), ("items", .members(schema(of: element))),
                ("minItems", .int(count.lowerBound)), ("maxItems", .int(count.upperBound)),
            ]
        case .object(let parameters, let rules):
            return ParameterList.objectSchema(parameters, rules)
        case .anyObject:
            return [("type", "object")]
        }
    }
}

/// How arguments of one object depend on each other.
package enum ParameterRule: Sendable, Equatable {
    /// At most one of the two.
    case excludes(String, String)
    /// The first only together with the second.
    case needs(String, String)
    /// Where both are given, the first is smaller. JSON Schema has no word for this, so only the check knows it.
    case below(String, String)
    /// At least one of these.
    case oneOf([String])
}

/// A model's id: `provider:model@version`, with words or numbers in each place; `local:method` for what runs here.
package enum ModelID {
    /// For JSON Schema. Loose, because new ids put words in any position.
    package static let pattern = "^([A-Za-z0-9_-]+:[A-Za-z0-9._-]+@[A-Za-z0-9._-]+|local:[A-Za-z0-9._-]+)$"
    /// Characters.
    package static let maxLength = 128

    /// Whether `text` has that form.
    package static func isWellFormed(_ text: String) -> Bool {
        guard text.utf8.count <= maxLength, let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            return false
        }
        let afterColon = text.utf8.index(after: colon)
        func isWord(_ part: Substring.UTF8View, dots: Bool) -> Bool {
            !part.isEmpty
                && part.allSatisfy { $0.isPlain && (dots || $0 != UInt8(ascii: ".")) }
        }
        guard let at = text.utf8.firstIndex(of: UInt8(ascii: "@")) else {
            return text.hasPrefix("local:") && isWord(text[afterColon...].utf8, dots: true)
        }
        return colon < at && isWord(text[..<colon].utf8, dots: false)
            && isWord(text[afterColon..<at].utf8, dots: true)
            && isWord(text[text.utf8.index(after: at)...].utf8, dots: true)
    }
}
