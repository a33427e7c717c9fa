package import JSON
package import MCP

/// What is other than in an earlier scan of the same server.
package struct ScanChanges: Sendable, Hashable {
    /// One entry of a list whose definition is another.
    package struct Change: Sendable, Hashable {
        package let name: String
        /// The members that differ, sorted.
        package let members: [String]
    }

    /// What became of one list. All names are sorted.
    package struct List: Sendable, Hashable {
        package let kind: ListKind
        package var added: [String] = []
        package var removed: [String] = []
        package var changed: [Change] = []

        package var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }
    }

    /// The lists in which something has changed.
    package var lists: [List]
    package var instructionsChanged: Bool

    package var isEmpty: Bool { lists.isEmpty && !instructionsChanged }

    package init(from old: JSONView, to new: ServerMaterial) {
        lists = []
        for kind in ListKind.allCases {
            let list = Self.list(kind, old, new)
            if !list.isEmpty { lists.append(list) }
        }
        instructionsChanged = old["instructions"].map { $0.string != new.instructions } ?? false
    }

    private static func list(_ kind: ListKind, _ old: JSONView, _ new: ServerMaterial) -> List {
        var list = List(kind: kind)
        let earlier = old[kind.rawValue]?.elements.compactMap { entry -> (String, JSONView)? in
            // Tools stand there with their verdict, and with the definition inside; in a saved list as they are.
            let definition = kind == .tools ? entry["definition"] ?? entry : entry
            return definition[kind.key]?.string.map { ($0, definition) }
        }
        // An earlier scan that did not list them says nothing of them.
        guard let earlier else { return list }
        let before = Dictionary(earlier) { first, _ in first }
        let now = Dictionary(new.entries(kind).compactMap { entry in entry[kind.key]?.string.map { ($0, entry) } }) {
            first, _ in first
        }
        list.added = now.keys.filter { before[$0] == nil }.sorted()
        list.removed = before.keys.filter { now[$0] == nil }.sorted()
        for name in now.keys.sorted() {
            guard let known = before[name], let entry = now[name] else { continue }
            let members = Definition.changedMembers(known, entry)
            if !members.isEmpty { list.changed.append(Change(name: name, members: members)) }
        }
        return list
    }
}
