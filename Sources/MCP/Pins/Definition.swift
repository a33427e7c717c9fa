import JSON

/// What a person approves when they pin a server: the texts that a model reads and that say what a tool does.
package enum Definition {
    /// The bytes to hash for an entry of a list: canonical JSON of its kind and all its members, known and unknown. Of `_meta`
    /// only `ui` counts; the rest of it may change from one answer to the next.
    package static func pinInput(_ kind: ListKind, _ entry: JSONView) -> [UInt8] {
        var writer = JSONWriter(capacity: entry.range.count + 64)
        writer.beginObject()
        writer.key("definition")
        writer.beginObject()
        for (key, value) in parts(of: entry) {
            writer.key(key)
            writer.raw(value)
        }
        writer.endObject()
        writer.member("kind", kind.rawValue)
        writer.member("pin", 1)
        writer.endObject()
        return writer.bytes
    }

    /// The bytes to hash for a server's instructions. No instructions are not the same as empty ones.
    package static func pinInput(instructions: String?) -> [UInt8] {
        JSONValue.object([
            JSONMember("instructions", instructions.map(JSONValue.string) ?? .null), JSONMember("pin", 1),
        ]).bytes
    }

    /// The members in which two definitions differ, sorted: what a finding names.
    package static func changedMembers(_ old: JSONView, _ new: JSONView) -> [String] {
        let (a, b) = (parts(of: old), parts(of: new))
        let before = Dictionary(uniqueKeysWithValues: a.map { ($0.key, $0.value) })
        let after = Dictionary(uniqueKeysWithValues: b.map { ($0.key, $0.value) })
        return Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.sorted()
    }

    /// The members that count, in the order of their names, each in canonical form.
    private static func parts(of entry: JSONView) -> [(key: String, value: [UInt8])] {
        var parts: [(key: String, value: [UInt8])] = []
        for (key, value) in entry.members {
            let key = key.string ?? ""
            if key == "_meta" {
                if let ui = value["ui"] { parts.append((key, Array(#"{"ui":"#.utf8) + ui.canonical() + [0x7D])) }
            } else {
                parts.append((key, value.canonical()))
            }
        }
        return parts.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}
