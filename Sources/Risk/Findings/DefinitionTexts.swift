internal import JSON

/// A text somewhere in a definition.
struct DefinitionText {
    /// A JSON pointer from the definition's root.
    let place: String
    let role: TextRole
    let text: String
}

/// Every text in a definition, keys of schemas included: all of it reaches the model.
struct DefinitionTexts {
    private(set) var texts: [DefinitionText] = []
    /// The place of the enumeration with the most values, and their number.
    private(set) var longestList: (place: String, count: Int)?

    /// - Parameter entry: of `tools/list`, `prompts/list` or `resources/list`.
    init(_ entry: JSONView) {
        for (key, value) in entry.members {
            guard let key = key.string else { continue }
            let place = "/" + DefinitionTexts.escaped(key)
            switch key {
            case "name": add(value, place, .name)
            case "inputSchema", "outputSchema": schema(value, place)
            case "arguments": promptArguments(value, place)
            case "mimeType", "size": break
            case "icons": icons(value, place)
            default: all(value, place, .text)
            }
        }
    }

    /// A single text, such as a server's instructions.
    init(text: String, place: String) { texts = [DefinitionText(place: place, role: .text, text: text)] }

    private mutating func add(_ value: JSONView, _ place: String, _ role: TextRole) {
        guard let text = value.string, !text.isEmpty else { return }
        // A name of several words is read like any other sentence.
        let isSentence = role == .name && text.utf8.count(where: { $0 == UInt8(ascii: " ") }) >= 4
        texts.append(DefinitionText(place: place, role: isSentence ? .text : role, text: text))
    }

    /// A value of any shape: its texts and its keys.
    private mutating func all(_ value: JSONView, _ place: String, _ role: TextRole) {
        switch value.kind {
        case .string: add(value, place, role)
        case .array:
            for (index, element) in value.elements.enumerated() { all(element, "\(place)/\(index)", role) }
        case .object:
            for (key, member) in value.members {
                let below = place + "/" + DefinitionTexts.escaped(key.string ?? "")
                add(key, below, .name)
                all(member, below, role)
            }
        default: break
        }
    }

    private mutating func schema(_ value: JSONView, _ place: String) {
        if value.kind == .array {
            for (index, element) in value.elements.enumerated() { schema(element, "\(place)/\(index)") }
        }
        for (key, member) in value.members {
            guard let key = key.string else { continue }
            let below = place + "/" + DefinitionTexts.escaped(key)
            switch key {
            case "properties", "$defs", "definitions", "patternProperties", "dependentSchemas", "dependencies":
                for (name, schema) in member.members {
                    let place = below + "/" + DefinitionTexts.escaped(name.string ?? "")
                    add(name, place, .name)
                    self.schema(schema, place)
                }
            case "default", "const", "enum", "examples", "example":
                if key == "enum", member.count > longestList?.count ?? 0 { longestList = (below, member.count) }
                all(member, below, .value)
            case "required", "dependentRequired": all(member, below, .name)
            case "$ref", "$dynamicRef", "$recursiveRef", "$schema", "$id":
                if let target = member.string {
                    texts.append(DefinitionText(place: below, role: .reference, text: "\(key) : \(target)"))
                }
            // Words of the schema language; a sentence there is none of them.
            case "type", "format", "pattern":
                if member.string?.contains(" ") == true, key != "pattern" { add(member, below, .text) }
            default:
                if member.kind == .string { add(member, below, .text) } else { schema(member, below) }
            }
        }
    }

    /// Clients fetch icons by themselves: where from is looked at like a schema's reference.
    private mutating func icons(_ value: JSONView, _ place: String) {
        for (index, icon) in value.elements.enumerated() {
            if let source = icon["src"]?.string {
                texts.append(DefinitionText(place: "\(place)/\(index)/src", role: .reference, text: "src : \(source)"))
            }
        }
    }

    private mutating func promptArguments(_ value: JSONView, _ place: String) {
        for (index, argument) in value.elements.enumerated() {
            for (key, member) in argument.members {
                let key = key.string ?? ""
                all(member, "\(place)/\(index)/\(DefinitionTexts.escaped(key))", key == "name" ? .name : .text)
            }
        }
    }

    /// A key as a part of a JSON pointer (RFC 6901).
    private static func escaped(_ key: String) -> String {
        guard key.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return key }
        return key.reduce(into: "") { text, character in
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.append(character)
            }
        }
    }
}
