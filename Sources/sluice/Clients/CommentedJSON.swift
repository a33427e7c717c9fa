import JSON

/// A JSON file that people edit, taken apart by places so that a change leaves everything else as it is: comments, order,
/// white space, line ends. Comments and trailing commas are read only where the file's client reads them.
struct CommentedJSON {
    struct Node {
        enum Kind { case object, array, other }

        let kind: Kind
        var range: Range<Int>
        var members: [Member] = []
        var elements: [Node] = []
        var hasTrailingComma = false

        func all(_ key: String) -> [Member] { members.filter { $0.key == key } }
    }

    struct Member {
        let key: String
        let keyRange: Range<Int>
        let value: Node

        var range: Range<Int> { keyRange.lowerBound..<value.range.upperBound }
    }

    let bytes: [UInt8]
    /// Nil when there is nothing but white space and comments.
    let root: Node?

    init(_ bytes: [UInt8], allowsComments: Bool) throws(FileProblem) {
        self.bytes = bytes
        var scanner = CommentedJSONScanner(bytes, allowsComments: allowsComments)
        root = try scanner.document()
    }

    // MARK: Editing

    /// The file with `entry` under `section` and `name`; the same bytes when it says so already.
    func setting(_ section: String, _ name: String, _ entry: ClientEntry) throws(FileProblem) -> [UInt8] {
        let layout = layout
        guard let root else {
            // Nothing there but perhaps a comment: it stays.
            let whole = layout.text(
                [(section, .object([(name, .object(entry.members))]))], indent: "")
            var start = String(decoding: bytes, as: UTF8.self)
            if !start.isEmpty, !start.hasSuffix("\n") { start += layout.newline }
            return Array((start + whole + layout.newline).utf8)
        }
        guard root.kind == .object else { throw FileProblem(root.range.lowerBound, "the file is no JSON object") }
        guard let servers = try single(section, in: root) else {
            return inserting(
                section, { layout.text([(name, .object(entry.members))], indent: $0) }, into: root, layout)
        }
        guard servers.value.kind == .object else {
            throw FileProblem(servers.value.range.lowerBound, "\(JSONLayout.quoted(section)) is no object")
        }
        guard let old = try single(name, in: servers.value) else {
            return inserting(name, { layout.text(entry.members, indent: $0) }, into: servers.value, layout)
        }
        let kept = old.value.members.filter { !ClientEntry.ways.contains($0.key) }.map { text($0.range) }
        let indent = leadingSpace(of: old.keyRange.lowerBound) ?? indentOfLine(at: old.keyRange.lowerBound)
        let new = Array(layout.text(entry.members, indent: indent, kept: kept).utf8)
        if old.value.kind == .object, let wanted = try? CommentedJSON(new, allowsComments: true).root,
            Self.canonical(wanted, new) == Self.canonical(old.value, bytes)
        {
            return bytes
        }
        var edited = bytes
        edited.replaceSubrange(old.value.range, with: new)
        return edited
    }

    private func single(_ key: String, in object: Node) throws(FileProblem) -> Member? {
        let found = object.all(key)
        guard found.count < 2 else {
            throw FileProblem(found[1].keyRange.lowerBound, "\(JSONLayout.quoted(key)) is there twice")
        }
        return found.first
    }

    private func inserting(_ key: String, _ value: (String) -> String, into object: Node, _ layout: JSONLayout)
        -> [UInt8]
    {
        let outer = indentOfLine(at: object.range.lowerBound)
        let indent = object.members.first.flatMap { leadingSpace(of: $0.keyRange.lowerBound) } ?? outer + layout.unit
        let brace = object.range.upperBound - 1
        var end = brace
        while Self.isSpace(bytes[end - 1]) { end -= 1 }
        let endsLine = bytes[end..<brace].contains(UInt8(ascii: "\n"))
        var member = "\(layout.newline)\(indent)\(JSONLayout.quoted(key)): \(value(indent))"
        if object.hasTrailingComma { member += "," }
        var edited = bytes
        if endsLine {
            edited.insert(contentsOf: member.utf8, at: end)
        } else {
            edited.replaceSubrange(end..<brace, with: Array((member + layout.newline + outer).utf8))
        }
        if let last = object.members.last, !object.hasTrailingComma {
            edited.insert(UInt8(ascii: ","), at: last.value.range.upperBound)
        }
        return edited
    }

    // MARK: Layout

    private var layout: JSONLayout {
        var layout = JSONLayout()
        if let first = bytes.firstIndex(of: UInt8(ascii: "\n")), first > 0, bytes[first - 1] == UInt8(ascii: "\r") {
            layout.newline = "\r\n"
        }
        if let unit = root?.members.lazy.compactMap({ leadingSpace(of: $0.keyRange.lowerBound) }).first, !unit.isEmpty {
            layout.unit = unit
        }
        return layout
    }

    /// What stands before a place on its line, if that is white space only.
    private func leadingSpace(of offset: Int) -> String? {
        var start = offset
        while start > 0, bytes[start - 1] == UInt8(ascii: " ") || bytes[start - 1] == UInt8(ascii: "\t") { start -= 1 }
        guard start > 0, bytes[start - 1] == UInt8(ascii: "\n") else { return nil }
        return text(start..<offset)
    }

    private func indentOfLine(at offset: Int) -> String {
        let start = bytes[..<offset].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let end = bytes[start..<offset].firstIndex { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } ?? offset
        return text(start..<end)
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    /// What it says, whatever its layout.
    private static func canonical(_ node: Node, _ bytes: [UInt8]) -> [UInt8] {
        (try? JSONDocument.parse(plain(node, bytes)).root.canonical()) ?? []
    }

    private static func plain(_ node: Node, _ bytes: [UInt8]) -> [UInt8] {
        switch node.kind {
        case .other: return Array(bytes[node.range])
        case .array:
            let items = node.elements.map { plain($0, bytes) }
            return [UInt8(ascii: "[")] + items.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
        case .object:
            let items = node.members.map { Array(bytes[$0.keyRange]) + [UInt8(ascii: ":")] + plain($0.value, bytes) }
            return [UInt8(ascii: "{")] + items.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "}")]
        }
    }
}

/// Reads the places of a document's parts.
private struct CommentedJSONScanner {
    private static let maxDepth = 64

    private let bytes: [UInt8]
    private let allowsComments: Bool
    private var at = 0

    init(_ bytes: [UInt8], allowsComments: Bool) {
        self.bytes = bytes
        self.allowsComments = allowsComments
        // Some editors write a byte-order mark; it stays where it is.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    mutating func document() throws(FileProblem) -> CommentedJSON.Node? {
        try skip()
        guard at < bytes.count else { return nil }
        let node = try value(depth: 0)
        try skip()
        guard at == bytes.count else { throw FileProblem(at, "something follows the document") }
        return node
    }

    private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skip() throws(FileProblem) {
        while let byte {
            if CommentedJSON.isSpace(byte) {
                at += 1
            } else if byte == UInt8(ascii: "/") {
                let start = at
                guard allowsComments else {
                    throw FileProblem(start, "this client's file is plain JSON, without comments")
                }
                switch at + 1 < bytes.count ? bytes[at + 1] : 0 {
                case UInt8(ascii: "/"):
                    while let byte = self.byte, byte != UInt8(ascii: "\n") { _ = byte; at += 1 }
                case UInt8(ascii: "*"):
                    at += 2
                    while at + 1 < bytes.count, !(bytes[at] == UInt8(ascii: "*") && bytes[at + 1] == UInt8(ascii: "/"))
                    {
                        at += 1
                    }
                    guard at + 1 < bytes.count else { throw FileProblem(start, "a comment does not end") }
                    at += 2
                default: throw FileProblem(start, "a `/` begins no comment")
                }
            } else {
                return
            }
        }
    }

    private mutating func value(depth: Int) throws(FileProblem) -> CommentedJSON.Node {
        guard depth < Self.maxDepth else { throw FileProblem(at, "too deep") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return CommentedJSON.Node(kind: .other, range: try string().range)
        case nil: throw FileProblem(at, "the file ends in the middle")
        default:
            let start = at
            while let byte, !CommentedJSON.isSpace(byte), !",:]}[{\"/".utf8.contains(byte) { at += 1 }
            guard at > start, (try? JSONDocument.parse(Array(bytes[start..<at]))) != nil else {
                throw FileProblem(start, "a value is missing or is no JSON")
            }
            return CommentedJSON.Node(kind: .other, range: start..<at)
        }
    }

    private mutating func object(depth: Int) throws(FileProblem) -> CommentedJSON.Node {
        var node = CommentedJSON.Node(kind: .object, range: at..<at)
        at += 1
        while true {
            try skip()
            if byte == UInt8(ascii: "}") { break }
            guard byte == UInt8(ascii: "\"") else { throw FileProblem(at, "a key in quotes is missing, or a `}`") }
            let key = try string()
            try skip()
            guard byte == UInt8(ascii: ":") else { throw FileProblem(at, "a `:` is missing") }
            at += 1
            try skip()
            node.members.append(
                CommentedJSON.Member(key: key.text, keyRange: key.range, value: try value(depth: depth + 1)))
            node.hasTrailingComma = try comma(before: UInt8(ascii: "}"))
        }
        at += 1
        node.range = node.range.lowerBound..<at
        return node
    }

    private mutating func array(depth: Int) throws(FileProblem) -> CommentedJSON.Node {
        var node = CommentedJSON.Node(kind: .array, range: at..<at)
        at += 1
        while true {
            try skip()
            if byte == UInt8(ascii: "]") { break }
            node.elements.append(try value(depth: depth + 1))
            node.hasTrailingComma = try comma(before: UInt8(ascii: "]"))
        }
        at += 1
        node.range = node.range.lowerBound..<at
        return node
    }

    /// True when a comma stands there; it may be the last thing only where comments are read, too.
    private mutating func comma(before end: UInt8) throws(FileProblem) -> Bool {
        try skip()
        if byte == end { return false }
        let place = at
        guard byte == UInt8(ascii: ",") else { throw FileProblem(at, "a `,` is missing") }
        at += 1
        try skip()
        if byte == end, !allowsComments { throw FileProblem(place, "a `,` stands before the end") }
        return true
    }

    private mutating func string() throws(FileProblem) -> (text: String, range: Range<Int>) {
        let start = at
        at += 1
        while let byte, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\n") {
            at += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        guard byte == UInt8(ascii: "\"") else { throw FileProblem(start, "a text does not end") }
        at += 1
        guard let text = (try? JSONDocument.parse(Array(bytes[start..<at])))?.root.string else {
            throw FileProblem(start, "a text is no JSON")
        }
        return (text, start..<at)
    }
}
