internal import JSON

/// What an input schema says: the traits of its parameters, and the actions that a parameter chooses among.
struct SchemaReading {
    /// Parameters by signal, in the order of the schema.
    var parameters: [RiskSignal.Code: [String]] = [:]
    /// What the values of a parameter such as `action` do, and where they stand.
    var actions: [(found: Found, place: String, quote: String)] = []
    /// Things that free parameters of the top level are named after.
    var objects: ObjectSet = 0
    /// Top-level properties.
    var count = 0
    /// There is a schema, and it says which parameters there are.
    var isDescribed = false

    private let rules: RuleSet
    private let lexer: Lexer
    private var tokens: [Token] = []

    /// Parameters of nested objects count too, down to here.
    private static let deepest = 2
    /// Properties that are looked at; more of them change nothing.
    private static let most = 200

    init(_ schema: JSONView?, in rules: RuleSet) {
        self.rules = rules
        lexer = Lexer(table: rules.words)
        guard let schema else { return }
        isDescribed = true
        let root = schema.document.root
        if schema["additionalProperties"]?.bool == true || schema["additionalProperties"]?.kind == .object {
            parameters[.openSchema] = []
        }
        guard let properties = schema["properties"], properties.kind == .object else { return }
        count = properties.count
        read(properties, schema, path: "/inputSchema/properties", depth: 0, root: root)
    }

    private mutating func read(_ properties: JSONView, _ schema: JSONView, path: String, depth: Int, root: JSONView) {
        for (key, value) in properties.members.prefix(Self.most) where value.kind == .object {
            let value = Self.target(value, schema)
            tokens.removeAll(keepingCapacity: true)
            if let range = key.plainStringRange {
                key.document.bytes.withUnsafeBufferPointer {
                    lexer.name(UnsafeBufferPointer(rebasing: $0[range]), into: &tokens)
                }
            }
            let type = Self.type(of: value)
            if let head = tokens.last { match(key, head, type, value, properties, depth) }
            if depth == 0, let head = tokens.last, type != "boolean", value["enum"] == nil {
                objects |= rules.entry(head).objects
            }
            if depth == 0, let head = tokens.last, rules.entry(head).grammar.contains(.actionParameter), type != "boolean"
            {
                readActions(key, value, path)
            }
            if type == "object" || type == "array" {
                let inner = type == "array" ? value["items"].map { Self.target($0, schema) } : value
                if type == "object", value["properties"] == nil, value["oneOf"] == nil, value["anyOf"] == nil {
                    add(.openSchema, key)
                }
                if depth < Self.deepest, let nested = inner?["properties"], nested.kind == .object {
                    read(nested, schema, path: "", depth: depth + 1, root: root)
                }
            }
        }
    }

    private mutating func add(_ signal: RiskSignal.Code, _ key: JSONView) {
        guard let name = key.string, parameters[signal]?.contains(name) != true else { return }
        parameters[signal, default: []].append(name)
    }

    private mutating func match(
        _ key: JSONView, _ head: Token, _ type: String, _ value: JSONView, _ properties: JSONView, _ depth: Int
    ) {
        let before = tokens.count > 1 ? tokens[tokens.count - 2].word : 0
        for rule in rules.parameters {
            if !rule.types.isEmpty, type != "", !rule.types.contains(type) { continue }
            guard rule.heads.contains(head.word), !rule.except.contains(before) else { continue }
            // A choice among given values is no free input.
            if rule.signal != .acceptsRecipients, value["enum"] != nil || value["const"] != nil { continue }
            // A span of time: `from` and `to`.
            if rule.signal == .acceptsRecipients, tokens.count == 1, properties["from"] != nil,
                properties["subject"] == nil,
                key.equals("to")
            {
                continue
            }
            add(rule.signal, key)
        }
    }

    // MARK: Actions

    private mutating func readActions(_ key: JSONView, _ value: JSONView, _ path: String) {
        var values: [JSONView] = []
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
        let place = "/inputSchema/properties/\(key.string ?? "")"
        if values.count > 1 {
            let texts = values.prefix(60).compactMap(\.string)
            if texts.filter({ ["GET", "POST", "PUT", "DELETE", "PATCH"].contains($0) }).count >= 2 {
                actions.append(
                    (Found(verb: -1, act: rules.roles.request, range: 0..<0), place, texts.joined(separator: ", ")))
                return
            }
            for text in texts {
                var tokens: [Token] = []
                var copy = text
                copy.withUTF8 { lexer.name($0, into: &tokens) }
                let reading = NameReading(tokens, in: rules, prefix: 0)
                guard let found = reading.found.first, found.isSure else { continue }
                actions.append((found, place, texts.joined(separator: ", ")))
            }
        } else if values.isEmpty, let description = value["description"]?.string {
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
                let verb = Int(entry.verb)
                found.append(
                    Found(
                        verb: verb, act: rules.act(of: verb, head: 0, around: 0),
                        range: Int(token.start)..<Int(token.end)))
            }
            guard found.count > 1 else { return }
            actions += found.map { ($0, place + "/description", Quote.clip(description)) }
        }
    }

    // MARK: JSON Schema

    private static func target(_ value: JSONView, _ schema: JSONView) -> JSONView {
        guard let reference = value["$ref"]?.string, reference.hasPrefix("#/"),
            let pointer = JSONPointer(String(reference.dropFirst()))
        else { return value }
        return schema[pointer] ?? value
    }

    /// The first type that is not null; empty when nothing is said.
    private static func type(of value: JSONView) -> String {
        if let type = value["type"] {
            if let text = type.string { return text }
            for element in type.elements where !element.equals("null") { return element.string ?? "" }
        }
        for list in [value["anyOf"], value["oneOf"]] {
            guard let list, list.kind == .array else { continue }
            for element in list.elements {
                if let type = element["type"], type.kind == .string, !type.equals("null") { return type.string ?? "" }
            }
        }
        return ""
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
