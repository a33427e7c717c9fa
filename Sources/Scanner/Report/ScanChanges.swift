import Base
import JSON
import MCP

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

    init(from old: JSONView, to new: ServerMaterial) {
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

/// An earlier scan, from a file that `--format json` has written; a saved list of tools will do.
package struct Baseline: Sendable {
    /// The most that is read of a file.
    package static let maxBytes = 256 << 20
    private let servers: [JSONView]

    /// - Throws: `ScanError` for a file that is no scan.
    package init(_ bytes: [UInt8], name: String) throws(ScanError) {
        let root: JSONView
        do throws(JSONError) {
            root = try JSONDocument.parse(bytes, limits: JSONLimits(maxBytes: Self.maxBytes, maxTokens: 32_000_000))
                .root
        } catch {
            let place = error.position(in: bytes)
            throw ScanError(
                .unreadable, "\(name), line \(place.line), column \(place.column): \(error.message)",
                mend: "an earlier scan is a file that 'sluice scan … --format json' has written")
        }
        let all = root["servers"].map { Array($0.elements) } ?? [root]
        guard root.kind == .object, all.allSatisfy({ $0["tools"]?.kind == .array }) else {
            throw ScanError(
                .unknownShape, "\(name) is no earlier scan",
                mend: "it is a file that 'sluice scan … --format json' has written, or a saved tools/list result")
        }
        servers = all
    }

    /// What has changed since; nil when the server is not in it.
    /// - Parameter isOnly: there is one server on either side, so its name does not matter.
    package func changes(of material: ServerMaterial, isOnly: Bool) -> ScanChanges? {
        let known = servers.first { $0["server"]?.string == material.name }
        return (known ?? (isOnly && servers.count == 1 ? servers[0] : nil)).map { ScanChanges(from: $0, to: material) }
    }
}
