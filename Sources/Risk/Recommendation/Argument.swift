internal import JSON

/// A parameter of a tool, wherever in the schema it stands.
struct Argument {
    enum Step {
        case member(String)
        /// Every element of a list.
        case each
    }

    let steps: [Step]
    let schema: JSONView
    /// Whether every call has it, or the list whose elements it is: it and all that it stands in are required.
    let isRequired: Bool

    /// The member's own name.
    var name: String {
        for case .member(let name) in steps.reversed() { return name }
        return ""
    }

    /// In the policy language.
    var path: String {
        steps.reduce("args") { path, step in
            switch step {
            case .each: path + "[*]"
            case .member(let name) where Argument.isPlain(name): path + "." + name
            case .member(let name): path + "[" + JSONValue.string(name).text + "]"
            }
        }
    }

    /// A call's arguments with this value, and nothing else.
    func holding(_ value: JSONValue) -> JSONValue {
        steps.reversed().reduce(value) { value, step in
            switch step {
            case .each: [value]
            case .member(let name): .object([JSONMember(name, value)])
            }
        }
    }

    /// Names that stand behind a dot.
    private static func isPlain(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                ($0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z")) || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: "-") || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
            }
    }

    /// All parameters of an input schema that hold no others, in its order; at most some 200, four levels deep, and whether
    /// there are no more.
    static func all(in schema: JSONView) -> (arguments: [Argument], isWhole: Bool) {
        var walk = Walk(root: schema)
        walk.members(of: schema, [], isRequired: true, depth: 0)
        return (walk.found, walk.isWhole)
    }

    private struct Walk {
        let root: JSONView
        var found: [Argument] = []
        var isWhole = true
        /// Properties that are still looked at: references make a short schema long.
        private var left = 2_000

        init(root: JSONView) { self.root = root }

        mutating func members(of schema: JSONView, _ steps: [Step], isRequired: Bool, depth: Int) {
            guard depth < 5, found.count < 200 else { return isWhole = false }
            let parts = ObjectSchema.parts(of: schema.cursor, in: root.cursor, isWhole: &isWhole)
            var required: Set<String> = []
            for part in parts where part.isCertain {
                required.formUnion(part.schema["required"]?.view.elements.compactMap(\.string) ?? [])
            }
            for part in parts {
                guard let properties = part.schema["properties"]?.view else { continue }
                for (key, value) in properties.members {
                    guard left > 0, let name = key.string, name.utf8.count <= 128 else {
                        isWhole = false
                        continue
                    }
                    left -= 1
                    visit(
                        value, steps + [.member(name)], isRequired: isRequired && required.contains(name), depth: depth)
                }
            }
        }

        private mutating func visit(_ value: JSONView, _ steps: [Step], isRequired: Bool, depth: Int) {
            let schema = ObjectSchema.target(of: value.cursor, in: root.cursor).view
            let parts = ObjectSchema.parts(of: schema.cursor, in: root.cursor, isWhole: &isWhole)
            if parts.contains(where: { $0.schema["properties"] != nil }) {
                members(of: schema, steps, isRequired: isRequired, depth: depth + 1)
            } else if schema["type"]?.string == "array", let items = schema["items"], items.kind == .object {
                visit(items, steps + [.each], isRequired: isRequired, depth: depth + 1)
            } else {
                found.append(Argument(steps: steps, schema: schema, isRequired: isRequired))
            }
        }
    }
}
