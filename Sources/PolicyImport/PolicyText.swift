internal import JSON

/// A policy as people write it: two spaces a level, and on one line what fits there.
enum PolicyText {
    static let width = 120

    static func bytes(of policy: JSONValue) -> [UInt8] { Array((text(policy, indent: 0, isTop: true) + "\n").utf8) }

    private static func text(_ value: JSONValue, indent: Int, isTop: Bool = false) -> String {
        let flat = flat(value)
        if !isTop, flat.utf8.count + indent <= width { return flat }
        let inner = String(repeating: " ", count: indent + 2)
        let end = String(repeating: " ", count: indent)
        switch value {
        case .object(let members) where !members.isEmpty:
            let lines = members.map { member in
                "\(inner)\(JSONValue.string(member.key).text): \(text(member.value, indent: indent + 2))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(end)}"
        case .array(let elements) where !elements.isEmpty:
            let lines = elements.map { inner + text($0, indent: indent + 2) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(end)]"
        default: return flat
        }
    }

    private static func flat(_ value: JSONValue) -> String {
        switch value {
        case .object(let members) where !members.isEmpty:
            let parts = members.map { "\(JSONValue.string($0.key).text): \(flat($0.value))" }
            return "{ \(parts.joined(separator: ", ")) }"
        case .array(let elements): return "[\(elements.map(flat).joined(separator: ", "))]"
        case .object, .null, .bool, .number, .string: return value.text
        }
    }
}
