internal import JSON
internal import Risk

/// What a tool takes, as a table: name, type, whether it must be given, what the schema says of its values.
struct ParameterTable {
    private static let most = 60

    private let properties: JSONView?
    private let required: Set<String>

    init(_ tool: ToolDefinition) {
        properties = tool.inputSchema?["properties"].flatMap { $0.kind == .object ? $0 : nil }
        let list = tool.inputSchema?["required"].flatMap { $0.kind == .array ? $0 : nil }
        required = Set(list.map { $0.elements.compactMap(\.string) } ?? [])
    }

    func write(to page: inout HTMLWriter) {
        guard let properties, properties.count > 0 else { return }
        page.raw(
            "<section aria-labelledby=\"parameters\">\n<h2 id=\"parameters\">Parameters</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Parameters of the tool\"><table>\n<thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Type</th><th scope=\"col\">Needed</th><th scope=\"col\">Values</th><th scope=\"col\">The server’s description</th></tr></thead>\n<tbody>\n"
        )
        // All of them together stay below a fourth of a page's bytes.
        let each = max(60, (8 << 10) / max(8, properties.count))
        for (key, schema) in properties.members.prefix(Self.most) {
            let name = key.string ?? ""
            page.raw("<tr><th scope=\"row\"><code>")
            page.foreign(name, limit: 100)
            page.raw("</code></th><td>")
            page.foreign(Self.type(schema), limit: 80)
            page.raw("</td><td>")
            page.raw(required.contains(name) ? "yes" : "no")
            page.raw("</td><td>")
            page.foreign(Self.values(schema), limit: max(40, each / 2))
            page.raw("</td><td>")
            page.foreign(schema["description"]?.string ?? "", limit: each)
            page.raw("</td></tr>\n")
        }
        page.raw("</tbody>\n</table></div>\n")
        if properties.count > Self.most {
            page.raw("<p>And ")
            page.number(properties.count - Self.most)
            page.raw(" more.</p>\n")
        }
        page.raw("</section>\n")
    }

    private static func type(_ schema: JSONView) -> String {
        if let type = schema["type"] {
            let names = type.string.map { [$0] } ?? (type.kind == .array ? type.elements.compactMap(\.string) : [])
            let shown = names.filter { $0 != "null" || names.count == 1 }.joined(separator: " or ")
            if shown == "array", let item = schema["items"]?["type"]?.string { return "array of \(item)" }
            return shown
        }
        for key in ["anyOf", "oneOf"] {
            guard let choices = schema[key], choices.kind == .array else { continue }
            let names = choices.elements.compactMap { $0["type"]?.string }.filter { $0 != "null" }
            return Array(Set(names)).sorted().joined(separator: " or ")
        }
        return schema["enum"] != nil ? "one of a list" : "any"
    }

    private static func values(_ schema: JSONView) -> String {
        var parts: [String] = []
        if let list = schema["enum"], list.kind == .array {
            let shown = list.elements.prefix(12).map { String(decoding: $0.rawBytes, as: UTF8.self) }
            parts.append(shown.joined(separator: ", ") + (list.count > 12 ? ", …" : ""))
        }
        for (key, words) in [
            ("minimum", "at least "), ("maximum", "at most "), ("maxLength", "length up to "), ("pattern", "pattern "),
            ("format", "format "), ("default", "default "),
        ] {
            guard let value = schema[key] else { continue }
            parts.append(words + (value.string ?? String(decoding: value.rawBytes.prefix(200), as: UTF8.self)))
        }
        return parts.joined(separator: "; ")
    }
}
