package import JSON

/// JSON for files that people edit: two spaces a level, short values on one line.
package enum PrettyJSON {
    /// What fits on a line, in characters.
    private static let width = 100

    /// With a line end at the end.
    package static func text(_ value: JSONValue) -> String { text(value, indent: "") + "\n" }

    private static func text(_ value: JSONValue, indent: String) -> String {
        let short = spaced(value)
        if indent.count + short.count <= width, !isNested(value) { return short }
        let deeper = indent + "  "
        switch value {
        case .array(let items):
            return "[\n" + items.map { deeper + text($0, indent: deeper) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            let lines = members.map { "\(deeper)\(JSONValue.string($0.key).text): \(text($0.value, indent: deeper))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        default: return short
        }
    }

    /// Objects inside objects are easier to read on lines of their own.
    private static func isNested(_ value: JSONValue) -> Bool {
        guard case .object(let members) = value else { return false }
        return members.contains { member in
            if case .object = member.value { return true }
            return false
        }
    }

    private static func spaced(_ value: JSONValue) -> String {
        switch value {
        case .array(let items): "[" + items.map(spaced).joined(separator: ", ") + "]"
        case .object(let members) where members.isEmpty: "{}"
        case .object(let members):
            "{ " + members.map { "\(JSONValue.string($0.key).text): \(spaced($0.value))" }.joined(separator: ", ")
                + " }"
        default: value.text
        }
    }
}
