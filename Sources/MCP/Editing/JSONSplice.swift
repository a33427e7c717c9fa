import JSON

/// Edits of a JSON text at named places. Every byte that no edit names stays as it is: white space, the order of members,
/// the spelling of numbers and strings.
///
/// Views must belong to the document: one of another would name bytes of this one that nobody has looked at. An edit with such
/// a view breaks the splice, and a broken one gives no text at all. An edit inside a value that another edit replaces or removes has no effect, whatever
/// the order in which they were asked for. Of two edits of the same member the later counts.
package struct JSONSplice: Sendable {
    private struct Insertion: Sendable {
        /// Nil in arrays.
        var key: String?
        var value: NewValue
    }

    /// A value that is put in: finished text, or an object that may get more members.
    private indirect enum NewValue: Sendable {
        case text([UInt8])
        case object([Insertion])

        var bytes: [UInt8] {
            switch self {
            case .text(let bytes): bytes
            case .object(let members):
                [UInt8(ascii: "{")] + JSONSplice.joined(members, afterOthers: false) + [UInt8(ascii: "}")]
            }
        }
    }

    private struct Container: Sendable {
        let view: JSONView
        /// Where the removed members (their keys) or elements start.
        var removed: Set<Int> = []
        var inserted: [Insertion] = []
    }

    private struct Edit {
        var range: Range<Int>
        var bytes: [UInt8]
    }

    package let document: JSONDocument
    /// New text for values, by where the value starts.
    private var replaced: [Int: Edit] = [:]
    /// By where the container starts.
    private var containers: [Int: Container] = [:]

    package init(_ document: JSONDocument) {
        self.document = document
    }

    package var isEmpty: Bool { replaced.isEmpty && containers.isEmpty && !isBroken }

    /// Whether an edit was asked for with a view of another document.
    package private(set) var isBroken = false

    private mutating func isOurs(_ view: JSONView) -> Bool {
        if view.document !== document { isBroken = true }
        return !isBroken
    }

    // MARK: Asking for edits

    /// - Parameter bytes: a JSON value.
    package mutating func replace(_ value: JSONView, with bytes: [UInt8]) {
        guard isOurs(value) else { return }
        replaced[value.range.lowerBound] = Edit(range: value.range, bytes: bytes)
    }

    package mutating func replace(_ value: JSONView, with text: String) {
        replace(value, with: JSONValue.string(text).bytes)
    }

    /// Gives the member a value: in its place if it is there, else at the end. Nothing happens if `object` is none.
    package mutating func set(_ key: String, to bytes: [UInt8], in object: JSONView) {
        guard isOurs(object), object.kind == .object else { return }
        if let (name, value) = object.members.first(where: { $0.key.equals(key) }) {
            containers[object.range.lowerBound]?.removed.remove(name.range.lowerBound)
            return replace(value, with: bytes)
        }
        edit(object) { Self.insert(.text(bytes), at: [key], among: &$0.inserted) }
    }

    package mutating func set(_ key: String, to value: JSONValue, in object: JSONView) {
        set(key, to: value.bytes, in: object)
    }

    /// Takes the member out, if it is there.
    package mutating func remove(_ key: String, from object: JSONView) {
        guard isOurs(object), object.kind == .object else { return }
        if let (name, _) = object.members.first(where: { $0.key.equals(key) }) {
            edit(object) { $0.removed.insert(name.range.lowerBound) }
        } else if containers[object.range.lowerBound] != nil {
            edit(object) { $0.inserted.removeAll { $0.key == key } }
        }
    }

    /// Takes elements of an array out: those for which `isKept` is false.
    package mutating func filter(_ array: JSONView, _ isKept: (JSONView) -> Bool) {
        guard isOurs(array), array.kind == .array else { return }
        for element in array.elements where !isKept(element) {
            edit(array) { $0.removed.insert(element.range.lowerBound) }
        }
    }

    /// Puts an element behind the last.
    package mutating func append(_ bytes: [UInt8], to array: JSONView) {
        guard isOurs(array), array.kind == .array else { return }
        edit(array) { $0.inserted.append(Insertion(key: nil, value: .text(bytes))) }
    }

    private mutating func edit(_ view: JSONView, _ change: (inout Container) -> Void) {
        guard isOurs(view) else { return }
        change(&containers[view.range.lowerBound, default: Container(view: view)])
    }

    // MARK: Making them

    /// The document with all edits made; nothing if one of them was of another document.
    package func applied() -> [UInt8] { applied(to: document.root, whole: true) }

    /// One value of the document with the edits inside it made.
    package func applied(to value: JSONView) -> [UInt8] { applied(to: value, whole: false) }

    private func applied(to value: JSONView, whole: Bool) -> [UInt8] {
        guard !isBroken else { return [] }
        let text = document.bytes
        let bounds = whole ? text.indices : value.range
        var edits = replaced.values.filter { bounds.contains($0.range.lowerBound) }
        for container in containers.values where bounds.contains(container.view.range.lowerBound) {
            edits += Self.edits(of: container)
        }
        // The outer one of two that start at the same place comes first, and swallows the other. An element that is taken
        // out as well as replaced is taken out.
        edits.sort { a, b in
            (a.range.lowerBound, b.range.upperBound, a.bytes.isEmpty ? 0 : 1)
                < (b.range.lowerBound, a.range.upperBound, b.bytes.isEmpty ? 0 : 1)
        }
        var result: [UInt8] = []
        result.reserveCapacity(bounds.count + edits.reduce(0) { $0 + $1.bytes.count })
        var position = bounds.lowerBound
        for edit in edits where edit.range.lowerBound >= position {
            result.append(contentsOf: text[position..<edit.range.lowerBound])
            result.append(contentsOf: edit.bytes)
            position = edit.range.upperBound
        }
        result.append(contentsOf: text[position..<bounds.upperBound])
        return result
    }

    /// Removals take the comma behind them along, or the one before them at the end. Insertions go before the bracket.
    private static func edits(of container: Container) -> [Edit] {
        var edits: [Edit] = []
        // Where each member or element starts and ends.
        let parts: [Range<Int>] =
            container.view.kind == .object
            ? container.view.members.map { $0.key.range.lowerBound..<$0.value.range.upperBound }
            : container.view.elements.map(\.range)
        var kept = 0
        var lastKeptEnd: Int?
        var runStart: Int?
        for part in parts {
            if container.removed.contains(part.lowerBound) {
                if runStart == nil { runStart = part.lowerBound }
            } else {
                if let start = runStart { edits.append(Edit(range: start..<part.lowerBound, bytes: [])) }
                runStart = nil
                kept += 1
                lastKeptEnd = part.upperBound
            }
        }
        if let start = runStart, let last = parts.last {
            edits.append(Edit(range: (lastKeptEnd ?? start)..<last.upperBound, bytes: []))
        }
        let added = joined(container.inserted, afterOthers: kept > 0)
        if !added.isEmpty {
            let end = container.view.range.upperBound - 1
            edits.append(Edit(range: end..<end, bytes: added))
        }
        return edits
    }

    private static func joined(_ insertions: [Insertion], afterOthers: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, insertion) in insertions.enumerated() {
            if afterOthers || index > 0 { bytes.append(UInt8(ascii: ",")) }
            if let key = insertion.key {
                bytes += JSONValue.string(key).bytes
                bytes.append(UInt8(ascii: ":"))
            }
            bytes += insertion.value.bytes
        }
        return bytes
    }

    /// Gives the new member at a path its value; objects on the way are made, or take it up if they are new themselves.
    private static func insert(_ value: NewValue, at path: ArraySlice<String>, among members: inout [Insertion]) {
        guard let key = path.first else { return }
        let rest = path.dropFirst()
        let index = members.firstIndex { $0.key == key }
        guard !rest.isEmpty else {
            guard let index else { return members.append(Insertion(key: key, value: value)) }
            members[index].value = value
            return
        }
        var inner: [Insertion] = []
        if let index, case .object(let present) = members[index].value { inner = present }
        insert(value, at: rest, among: &inner)
        guard let index else { return members.append(Insertion(key: key, value: .object(inner))) }
        members[index].value = .object(inner)
    }

    // MARK: Paths

    /// Gives the member at a path of member names a value; objects that are missing on the way are made. Nothing happens
    /// where the path meets something that is no object.
    package mutating func set(_ path: [String], to bytes: [UInt8], under root: JSONView) {
        guard let key = path.first else { return replace(root, with: bytes) }
        guard root.kind == .object else { return }
        if path.count == 1 { return set(key, to: bytes, in: root) }
        if let next = root[key] {
            return set(Array(path.dropFirst()), to: bytes, under: next)
        }
        edit(root) { Self.insert(.text(bytes), at: path[...], among: &$0.inserted) }
    }

    /// Takes the member at a path of member names out, if it is there.
    package mutating func remove(_ path: [String], under root: JSONView) {
        guard let key = path.last else { return }
        var object = root
        for name in path.dropLast() {
            guard let next = object[name] else { return }
            object = next
        }
        remove(key, from: object)
    }
}
