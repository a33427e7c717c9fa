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

    /// All parameters of an input schema that hold no others, in its order; at most some 200, four levels deep.
    static func all(in schema: JSONView) -> [Argument] {
        var walk = Walk(root: schema)
        walk.members(of: schema, [], isRequired: true, depth: 0)
        return walk.found
    }

    private struct Walk {
        let root: JSONView
        var found: [Argument] = []

        mutating func members(of schema: JSONView, _ steps: [Step], isRequired: Bool, depth: Int) {
            guard depth < 5, found.count < 200 else { return }
            let schema = resolved(schema)
            let required = Set(schema["required"]?.elements.compactMap(\.string) ?? [])
            if let properties = schema["properties"] {
                for (key, value) in properties.members {
                    guard let name = key.string, name.utf8.count <= 128 else { continue }
                    visit(
                        value, steps + [.member(name)], isRequired: isRequired && required.contains(name), depth: depth)
                }
            }
            if let parts = schema["allOf"] {
                for part in parts.elements { members(of: part, steps, isRequired: isRequired, depth: depth + 1) }
            }
        }

        private mutating func visit(_ value: JSONView, _ steps: [Step], isRequired: Bool, depth: Int) {
            let schema = resolved(value)
            if schema["properties"] != nil || schema["allOf"] != nil {
                members(of: schema, steps, isRequired: isRequired, depth: depth + 1)
            } else if schema["type"]?.string == "array", let items = schema["items"], items.kind == .object {
                visit(items, steps + [.each], isRequired: isRequired, depth: depth + 1)
            } else {
                found.append(Argument(steps: steps, schema: schema, isRequired: isRequired))
            }
        }

        /// What a local `$ref` leads to.
        private func resolved(_ schema: JSONView) -> JSONView {
            var schema = schema
            for _ in 0..<8 {
                guard let target = schema["$ref"]?.string, target.hasPrefix("#"),
                    let pointer = JSONPointer(String(target.dropFirst())), let found = root[pointer]
                else { break }
                schema = found
            }
            return schema
        }
    }
}
