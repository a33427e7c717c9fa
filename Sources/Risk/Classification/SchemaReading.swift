internal import JSON
internal import Policy

/// What an input schema says: the traits of its parameters, and the actions that a parameter chooses among.
///
/// SAFETY: keeps cursors; whoever made it keeps the schema for as long.
struct SchemaReading {
    /// Parameters and the signals that they are about, in the order of the schema.
    private var marks: [(signal: RiskSignal.Code, parameter: JSONCursor)] = []
    /// It takes parameters that it does not name.
    private var isOpen = false
    /// What one value of a parameter such as `action` does, and where it stands.
    struct Action {
        let found: Found
        let place: String
        let quote: String
        let use: Use

        enum Use {
            /// Every call has one.
            case chosen
            case optional
            /// What is listed is chosen by it.
            case filter
        }
    }
    var actions: [Action] = []
    /// Switches that make the tool do more: `purge`, `delete_after`, `force`.
    var flags: [(found: Found, place: String, quote: String)] = []
    /// Things that free parameters of the top level are named after.
    var objects: ObjectSet = 0
    /// Top-level properties.
    var count = 0
    /// There is a schema, and it says which parameters there are.
    var isDescribed = false

    private let rules: RuleSet
    private let lexer: Lexer
    private var tokens: [Token] = []
    /// The parameters that the properties at hand stand in.
    private var trail: [JSONCursor] = []

    /// Parameters of nested objects count too, down to here.
    private static let deepest = 4
    /// Properties that are still looked at: references make a short schema long.
    private var left = 2_000

    init(_ schema: JSONView?, in rules: RuleSet) {
        self.rules = rules
        lexer = Lexer(rules: rules)
        guard let schema = schema?.cursor else { return }
        isDescribed = true
        if let others = schema["additionalProperties"] { isOpen = others.view.bool == true || others.kind == .object }
        read(schema, schema, depth: 0)
    }

    /// The names of the parameters that a signal is about; nil if it isn't there at all.
    func parameters(_ signal: RiskSignal.Code) -> [String]? {
        var names: [String]?
        for mark in marks where mark.signal == signal { names = (names ?? []) + [mark.parameter.string ?? ""] }
        return names ?? (signal == .openSchema && isOpen ? [] : nil)
    }

    /// The properties of the object, wherever its schema names them.
    private mutating func read(_ object: JSONCursor, _ root: JSONCursor, depth: Int) {
        // What is left out there, `Argument.all` tells.
        var isWhole = true
        for part in ObjectSchema.parts(of: object, in: root, isWhole: &isWhole) {
            guard let properties = part.schema["properties"], properties.kind == .object else { continue }
            // Of a choice's parts the longest tells how many there are at once.
            if depth == 0 { count = part.isCertain ? count + properties.count : max(count, properties.count) }
            read(properties, of: part.schema, root, depth: depth)
        }
    }

    private mutating func read(_ properties: JSONCursor, of schema: JSONCursor, _ root: JSONCursor, depth: Int) {
        for (key, value) in properties.members where value.kind == .object && left > 0 {
            left -= 1
            let value = ObjectSchema.target(of: value, in: root)
            tokens.removeAll(keepingCapacity: true)
            key.withText { lexer.name($0, into: &tokens) }
            let type = Self.type(of: value)
            if let head = tokens.last, type != .boolean {
                let entry = rules.entry(head)
                if entry.heads != 0 { match(key, entry.heads, type, value, properties) }
                if depth == 0, entry.objects != 0, value["enum"] == nil {
                    objects |= entry.objects.subtracting(rules.roles.written)
                    if entry.objects & rules.roles.texts != 0 { readText(value) }
                }
                // `reviewer_action` is a detail; the tool's own is called `action`, or must be given.
                if depth == 0, entry.grammar.contains(.actionParameter) {
                    let isRequired = schema["required"]?.elements.contains { $0.isText(of: key) } == true
                    if tokens.count == 1 || isRequired {
                        readActions(key, value, use: Self.use(of: value, isRequired: isRequired))
                    }
                }
            }
            if type == .boolean { readFlag(key) }
            guard type == .object || type == .array else { continue }
            let inner = type == .array ? value["items"].map { ObjectSchema.target(of: $0, in: root) } : value
            let names: [StaticString] = ["properties", "oneOf", "anyOf", "allOf"]
            if type == .object, names.allSatisfy({ value[$0] == nil }) {
                add(.openSchema, key)
            }
            if depth < Self.deepest, let inner, inner.kind == .object {
                trail.append(key)
                read(inner, root, depth: depth + 1)
                trail.removeLast()
            }
        }
    }

    private mutating func add(_ signal: RiskSignal.Code, _ key: JSONCursor) {
        guard !marks.contains(where: { $0.signal == signal && $0.parameter.isText(of: key) }) else { return }
        marks.append((signal, key))
    }

    private mutating func match(
        _ key: JSONCursor, _ heads: UInt16, _ type: ValueTypes, _ value: JSONCursor, _ properties: JSONCursor
    ) {
        let exceptions = tokens.count > 1 ? rules.entry(tokens[tokens.count - 2]).exceptions : 0
        // A choice among given values is no free input.
        guard heads & ~exceptions != 0, value["enum"] == nil, value["const"] == nil else { return }
        for rule in rules.parameters where rule.bit & heads & ~exceptions != 0 {
            guard type.isEmpty || rule.types.isEmpty || !rule.types.isDisjoint(with: type) else { continue }
            // A span of time: `from` and `to`.
            if rule.signal == .acceptsRecipients, key.equals("to"), properties["from"] != nil,
                properties["subject"] == nil
            {
                continue
            }
            // `output_path`: where the answer is put.
            if rule.signal == .acceptsFilePath, tokens.count > 1 {
                objects |= rules.entry(tokens[tokens.count - 2]).objects & rules.roles.written
            }
            add(rule.signal, key)
        }
    }

    /// `query`: `The SQL query to run` is SQL.
    private mutating func readText(_ value: JSONCursor) {
        guard let description = value["description"], description.kind == .string else { return }
        tokens.removeAll(keepingCapacity: true)
        description.withText { lexer.text(UnsafeBufferPointer(rebasing: $0.prefix(160)), into: &tokens) }
        for token in tokens { objects |= rules.entry(token).objects & rules.roles.texts }
    }

    // MARK: Actions

    /// `purge`, `delete_after`: a verb that takes away, with nothing behind it that it is about.
    /// `remove_html` and `include_deleted` choose what is shown.
    private mutating func readFlag(_ key: JSONCursor) {
        var start = 0
        while start < tokens.count - 1,
            !rules.entry(tokens[start]).grammar.isDisjoint(with: [.modifier, .auxiliary, .conjunction])
        {
            start += 1
        }
        guard start < tokens.count else { return }
        let entry = rules.entry(tokens[start])
        if entry.verb >= 0, entry.form == .base, !entry.isAlsoNoun, !entry.grammar.contains(.trimming) {
            var found = Found(verb: Int(entry.verb), act: 0, range: 0..<0)
            found.act = rules.act(found)
            let isAlone =
                start + 1 == tokens.count
                || !rules.entry(tokens[start + 1]).grammar.isDisjoint(with: [.preposition, .article, .condition])
            guard isAlone, rules.acts[found.act].category.rank >= ToolCategory.destructive.rank else { return }
            flags.append((found, place(of: key), key.string ?? ""))
        } else if tokens.count == 1, entry.grammar.contains(.forcing) {
            flags.append((Found(verb: -1, act: rules.roles.stated, range: 0..<0), place(of: key), key.string ?? ""))
        }
    }

    private func place(of key: JSONCursor) -> String {
        (trail + [key]).reduce("/inputSchema") { "\($0)/properties/\($1.string ?? "")" }
    }

    private static func use(of value: JSONCursor, isRequired: Bool) -> Action.Use {
        if isRequired || value["default"] != nil { return .chosen }
        return value["description"]?.string?.lowercased().contains("filter") == true ? .filter : .optional
    }

    private mutating func readActions(_ key: JSONCursor, _ value: JSONCursor, use: Action.Use) {
        var values: [JSONCursor] = []
        for list in [value["enum"], value["oneOf"], value["anyOf"]] {
            guard let list, list.kind == .array else { continue }
            for element in list.elements {
                if element.kind == .string { values.append(element) }
                if element.kind == .object {
                    if let constant = element["const"], constant.kind == .string { values.append(constant) }
                    if let inner = element["enum"], inner.kind == .array {
                        values += inner.elements.filter { $0.kind == .string }
                    }
                }
            }
        }
        if let constant = value["const"], constant.kind == .string { values.append(constant) }
        let place = place(of: key)
        if !values.isEmpty {
            let texts = values.prefix(60).compactMap(\.string)
            if texts.filter({ ["GET", "POST", "PUT", "DELETE", "PATCH"].contains($0) }).count >= 2 {
                actions.append(
                    Action(
                        found: Found(verb: -1, act: rules.roles.request, range: 0..<0), place: place,
                        quote: texts.joined(separator: ", "), use: .chosen))
                return
            }
            for text in texts {
                var tokens: [Token] = []
                var copy = text
                copy.withUTF8 { lexer.name($0, into: &tokens) }
                let reading = NameReading(tokens, in: rules, prefix: 0)
                guard let found = reading.found.first, found.isSure else { continue }
                actions.append(
                    Action(found: found, place: place, quote: texts.joined(separator: ", "), use: use))
            }
        } else if let description = value["description"]?.string {
            // `Action to perform: create, update or delete`
            var tokens: [Token] = []
            var copy = description
            copy.withUTF8 { lexer.text($0, into: &tokens) }
            var found: [Found] = []
            for (i, token) in tokens.enumerated() {
                let entry = rules.entry(token)
                guard entry.verb >= 0, entry.form == .base, !entry.isAlsoNoun else { continue }
                let isListed =
                    !token.marks.isDisjoint(with: [.comma, .slash, .colon, .open, .dash])
                    || i > 0 && rules.entry(tokens[i - 1]).grammar.contains(.conjunction)
                    || i + 1 < tokens.count && !tokens[i + 1].marks.isDisjoint(with: [.comma, .slash])
                guard isListed else { continue }
                var new = Found(verb: Int(entry.verb), act: 0, range: Int(token.start)..<Int(token.end))
                new.act = rules.act(new)
                found.append(new)
            }
            guard found.count > 1 else { return }
            actions += found.map {
                Action(found: $0, place: place + "/description", quote: Quote.clip(description), use: use)
            }
        }
    }

    // MARK: JSON Schema

    /// The first type that is not null; empty when nothing is said.
    private static func type(of value: JSONCursor) -> ValueTypes {
        if let type = value["type"] {
            if type.kind == .string { return named(type) }
            for element in type.elements where !element.equals("null") { return named(element) }
        }
        guard let list = value["anyOf"] ?? value["oneOf"] else { return [] }
        for element in list.elements {
            if let type = element["type"], type.kind == .string, !type.equals("null") { return named(type) }
        }
        return []
    }

    private static func named(_ type: JSONCursor) -> ValueTypes {
        if type.equals("string") { return .string }
        if type.equals("object") { return .object }
        if type.equals("array") { return .array }
        if type.equals("integer") { return .integer }
        if type.equals("number") { return .number }
        return type.equals("boolean") ? .boolean : []
    }
}

extension JSONCursor {
    /// Whether both are strings, or keys, of the same text.
    fileprivate func isText(of other: JSONCursor) -> Bool {
        kind == .string && other.kind == .string && withText { text in other.withText { text.elementsEqual($0) } }
    }
}

/// Pieces of text for people.
enum Quote {
    /// At most 200 bytes, cut between characters.
    static func clip(_ text: some StringProtocol) -> String {
        guard text.utf8.count > 200 else { return String(text) }
        var end = text.utf8.index(text.startIndex, offsetBy: 197)
        while end > text.startIndex, String.Index(end, within: text) == nil { end = text.utf8.index(end, offsetBy: -1) }
        return text[..<end] + "…"
    }

    /// The bytes of a text that a token range names.
    static func part(_ text: String, _ range: Range<Int>) -> String {
        let utf8 = text.utf8
        guard range.upperBound <= utf8.count else { return clip(text) }
        let start = utf8.index(utf8.startIndex, offsetBy: range.lowerBound)
        let end = utf8.index(utf8.startIndex, offsetBy: range.upperBound)
        guard let from = String.Index(start, within: text), let to = String.Index(end, within: text) else {
            return clip(text)
        }
        return clip(text[from..<to])
    }
}
