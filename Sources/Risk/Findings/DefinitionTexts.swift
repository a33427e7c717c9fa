internal import JSON

/// A text somewhere in a definition.
struct DefinitionText {
    /// A JSON pointer from the definition's root.
    let place: String
    let role: TextRole
    let text: String
}

/// Every text in a definition, keys of schemas included: all of it reaches the model.
///
/// COST: a walk makes no text and no place: nearly all definitions are plain. Whoever finds something asks for both.
///
/// SAFETY: cursors, and so for no longer than the view that it was made with is kept.
struct DefinitionTexts {
    /// One of them.
    struct Item {
        let role: TextRole
        /// A string or a key.
        let value: JSONCursor
        /// Of a reference: `$ref` and the like.
        let keyword: JSONCursor?

        /// What it says: of a reference `$ref : http://…`.
        var text: String {
            let text = value.string ?? ""
            return keyword.map { "\($0.string ?? "") : \(text)" } ?? text
        }
    }

    /// What a walk comes by.
    enum Found {
        case text(Item)
        /// The values of an enumeration, before each of them.
        case list(JSONCursor)
    }

    private let entry: JSONView

    /// - Parameter entry: of `tools/list`, `prompts/list` or `resources/list`.
    init(_ entry: JSONView) { self.entry = entry }

    /// Calls `body` with each text and each list in the order of the definition.
    func forEach(_ body: (Found) -> Void) {
        for (key, value) in entry.cursor.members {
            switch DefinitionTexts.member(key) {
            case .name: add(value, .name, body)
            case .schema: schema(value, body)
            case .arguments: promptArguments(value, body)
            case .icons: icons(value, body)
            case .text:
                addUnknown(key, body)
                all(value, .text, body)
            }
        }
    }

    /// Every text with its place.
    var all: [DefinitionText] {
        var texts: [DefinitionText] = []
        forEach { found in if case .text(let item) = found { texts.append(text(item)) } }
        return texts
    }

    /// The text with its place.
    func text(_ item: Item) -> DefinitionText {
        DefinitionText(place: place(of: item.value), role: item.role, text: item.text)
    }

    /// Where a value or a key stands: a JSON pointer from the definition's root.
    func place(of wanted: JSONCursor) -> String {
        var pointer = JSONPointer()
        var within: JSONCursor? = entry.cursor
        let at = wanted.range.lowerBound
        while let container = within, container.range.lowerBound < at {
            within = nil
            for (index, element) in container.elements.enumerated() where element.range.contains(at) {
                pointer = pointer.appending(index)
                within = element
            }
            for (key, value) in container.members where key.range.contains(at) || value.range.contains(at) {
                pointer = pointer.appending(key.string ?? "")
                if value.range.contains(at) { within = value }
            }
        }
        return pointer.description
    }

    // MARK: The walk

    private func add(_ value: JSONCursor, _ role: TextRole, _ body: (Found) -> Void) {
        guard value.kind == .string, value.range.count > 2 else { return }
        // A name of several words is read like any other sentence.
        let isSentence =
            role == .name && value.range.count > 10
            && value.withText { $0.count(where: { $0 == UInt8(ascii: " ") }) } >= 4
        body(.text(Item(role: isSentence ? .text : role, value: value, keyword: nil)))
    }

    /// A key that no protocol and no schema language has may say anything; short ones have no room for it.
    private func addUnknown(_ key: JSONCursor, _ body: (Found) -> Void) {
        if key.range.count > 16 { add(key, .name, body) }
    }

    /// A value of any shape: its texts and its keys.
    private func all(_ value: JSONCursor, _ role: TextRole, _ body: (Found) -> Void) {
        switch value.kind {
        case .string: add(value, role, body)
        case .array: for element in value.elements { all(element, role, body) }
        case .object:
            for (key, member) in value.members {
                add(key, .name, body)
                all(member, role, body)
            }
        default: break
        }
    }

    private func schema(_ value: JSONCursor, _ body: (Found) -> Void) {
        // No schema is a text, but a text may stand where one should.
        if value.kind == .string { return add(value, .text, body) }
        for element in value.elements { schema(element, body) }
        for (key, member) in value.members {
            switch DefinitionTexts.keyword(key) {
            case .schemas:
                guard member.kind == .object else {
                    all(member, .text, body)
                    continue
                }
                for (name, schema) in member.members {
                    add(name, .name, body)
                    self.schema(schema, body)
                }
            case .values: all(member, .value, body)
            case .choice:
                body(.list(member))
                all(member, .value, body)
            case .names: all(member, .name, body)
            case .reference where member.kind == .string:
                body(.text(Item(role: .reference, value: member, keyword: key)))
            case .word where member.kind == .string:
                if member.withText({ $0.contains(UInt8(ascii: " ")) }) { add(member, .text, body) }
            case .pattern where member.kind == .string:
                // Three words in a row are no regular expression.
                if member.withText({ $0.count { $0 == UInt8(ascii: " ") } >= 2 }) { add(member, .value, body) }
            case .reference, .word, .pattern: all(member, .text, body)
            case .other: schema(member, body)
            case .unknown:
                addUnknown(key, body)
                schema(member, body)
            }
        }
    }

    /// Clients fetch icons by themselves: where from is looked at like a schema's reference.
    private func icons(_ value: JSONCursor, _ body: (Found) -> Void) {
        guard value.kind == .array else { return all(value, .text, body) }
        for icon in value.elements {
            guard icon.kind == .object else {
                all(icon, .text, body)
                continue
            }
            for (key, member) in icon.members {
                if key.equals("src"), member.kind == .string {
                    body(.text(Item(role: .reference, value: member, keyword: key)))
                } else {
                    addUnknown(key, body)
                    all(member, .text, body)
                }
            }
        }
    }

    private func promptArguments(_ value: JSONCursor, _ body: (Found) -> Void) {
        guard value.kind == .array else { return all(value, .text, body) }
        for argument in value.elements {
            guard argument.kind == .object else {
                all(argument, .text, body)
                continue
            }
            for (key, member) in argument.members {
                addUnknown(key, body)
                all(member, key.equals("name") ? .name : .text, body)
            }
        }
    }

    // MARK: Keys

    private enum Member { case name, schema, arguments, icons, text }

    private static func member(_ key: JSONCursor) -> Member {
        if key.equals("name") { return .name }
        if key.equals("inputSchema") || key.equals("outputSchema") { return .schema }
        if key.equals("arguments") { return .arguments }
        return key.equals("icons") ? .icons : .text
    }

    /// What stands behind a keyword of JSON Schema.
    private enum Keyword {
        /// Schemas by name.
        case schemas
        case values
        /// The values of an enumeration.
        case choice
        case names
        case reference
        /// A word of the schema language; a sentence there is none.
        case word
        case pattern
        /// A text, or one more schema.
        case other
        /// The same behind a word that the schema language does not have.
        case unknown
    }

    /// The keywords by their length in bytes.
    private static let keywords: [[(StaticString, Keyword)]] = {
        let all: [(StaticString, Keyword)] = [
            ("properties", .schemas), ("$defs", .schemas), ("definitions", .schemas), ("patternProperties", .schemas),
            ("dependentSchemas", .schemas), ("dependencies", .schemas), ("default", .values), ("const", .values),
            ("enum", .choice), ("examples", .values), ("example", .values), ("required", .names),
            ("dependentRequired", .names), ("$ref", .reference), ("$dynamicRef", .reference),
            ("$recursiveRef", .reference), ("$schema", .reference), ("$id", .reference), ("type", .word),
            ("format", .word), ("pattern", .pattern),
            // The longer ones of the others; nothing hides in short ones.
            ("additionalProperties", .other), ("unevaluatedProperties", .other), ("unevaluatedItems", .other),
            ("exclusiveMinimum", .other), ("exclusiveMaximum", .other), ("contentMediaType", .other),
        ]
        return (0..<24).map { length in all.filter { $0.0.utf8CodeUnitCount == length } }
    }()

    private static func keyword(_ key: JSONCursor) -> Keyword {
        key.withText { text in
            guard text.count < keywords.count else { return .unknown }
            let alike = keywords[text.count].first { word, _ in
                for at in 0..<text.count where text[at] != word.utf8Start[at] { return false }
                return true
            }
            return alike?.1 ?? .unknown
        }
    }
}
