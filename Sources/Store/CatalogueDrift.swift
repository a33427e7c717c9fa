import JSON

/// What differs between two definitions of a tool.
package enum CatalogueDrift {
    /// More differences than anyone reads are not listed.
    private static let most = 32

    /// JSON pointers to the members that were added, removed or changed: those at the top, and in `inputSchema` one level
    /// deeper, in `properties` two.
    package static func members(from old: JSONView, to new: JSONView) -> [String] {
        var found: [String] = []
        compare(old, new, at: JSONPointer(tokens: []), into: &found)
        return found
    }

    private static func compare(_ old: JSONView, _ new: JSONView, at place: JSONPointer, into found: inout [String]) {
        var keys = old.members.compactMap(\.key.string)
        let known = Set(keys)
        keys += new.members.compactMap(\.key.string).filter { !known.contains($0) }
        for key in keys where found.count < most {
            let here = place.appending(key)
            guard let before = old[key], let after = new[key] else {
                found.append(here.description)
                continue
            }
            guard before != after else { continue }
            let isEntered = here.tokens == ["inputSchema"] || here.tokens == ["inputSchema", "properties"]
            if isEntered, before.kind == .object, after.kind == .object {
                compare(before, after, at: here, into: &found)
            } else {
                found.append(here.description)
            }
        }
    }
}
