internal import JSON

/// A schema of an object, put together from what it is written as: behind a reference, of several parts, of a choice.
enum ObjectSchema {
    /// A schema without the parts that it is put together from.
    struct Part {
        let schema: JSONCursor
        /// Every value has to satisfy it; choices and conditions are for some values only.
        let isCertain: Bool
    }

    private static let deepest = 5
    private static let most = 64

    /// The schema and what it is put together from, in the order of the schema; at most 64 parts, five levels deep.
    /// `isWhole` is set to false if there are more.
    ///
    /// SAFETY: cursors, and so for no longer than the view that `root` was made with is kept.
    static func parts(of schema: JSONCursor, in root: JSONCursor, isWhole: inout Bool) -> [Part] {
        var parts: [Part] = []
        add(Part(schema: schema, isCertain: true), root, 0, &parts, &isWhole)
        return parts
    }

    private static func add(
        _ part: Part, _ root: JSONCursor, _ depth: Int, _ parts: inout [Part], _ isWhole: inout Bool
    ) {
        let schema = part.schema
        guard schema.kind == .object, !parts.contains(where: { $0.schema.range == schema.range }) else { return }
        guard depth <= deepest, parts.count < most else { return isWhole = false }
        parts.append(part)
        // Beside a reference there may be more.
        let target = target(of: schema, in: root)
        if target.range != schema.range {
            add(Part(schema: target, isCertain: part.isCertain), root, depth + 1, &parts, &isWhole)
        }
        for (key, value) in schema.members {
            if key.equals("allOf") || key.equals("anyOf") || key.equals("oneOf") {
                let isCertain = part.isCertain && key.equals("allOf")
                for element in value.elements {
                    add(Part(schema: element, isCertain: isCertain), root, depth + 1, &parts, &isWhole)
                }
            } else if key.equals("then") || key.equals("else") {
                add(Part(schema: value, isCertain: false), root, depth + 1, &parts, &isWhole)
            }
        }
    }

    /// What a local `$ref` leads to, over eight of them at most.
    static func target(of schema: JSONCursor, in root: JSONCursor) -> JSONCursor {
        var schema = schema
        for _ in 0..<8 {
            guard let reference = schema["$ref"]?.string, reference.hasPrefix("#"),
                let pointer = JSONPointer(String(reference.dropFirst())), let found = root.view[pointer]
            else { break }
            schema = found.cursor
        }
        return schema
    }
}
