internal import Base
internal import JSON

/// A policy ready to decide: immutable, shared by all calls, indexed so that a decision does not look at entries that are
/// about other tools.
package final class CompiledPolicy: Sendable {
    package let name: String
    package let version: Int
    package let description: String?
    /// `default: "allow"`
    package let allowsByDefault: Bool
    /// `mode: "shadow"` for the whole document
    package let isShadow: Bool
    /// `list: "all"`
    let listsAll: Bool
    let checksSchema: Bool
    let refusesUnknown: Bool
    let allTools: CompiledEntry?
    /// In the order of the document.
    let entries: [CompiledEntry]

    private let exact: [ExactName: Int]
    /// Patterns and categories, ascending.
    private let wide: [Int]
    private let hiddenNames: Set<ExactName>
    private let hiddenWide: [Selector]

    init(
        name: String, version: Int, description: String?, allowsByDefault: Bool, isShadow: Bool, listsAll: Bool,
        hidden: [Selector], checksSchema: Bool, refusesUnknown: Bool, allTools: CompiledEntry?, entries: [CompiledEntry]
    ) {
        self.name = name
        self.version = version
        self.description = description
        self.allowsByDefault = allowsByDefault
        self.isShadow = isShadow
        self.listsAll = listsAll
        self.checksSchema = checksSchema
        self.refusesUnknown = refusesUnknown
        self.allTools = allTools
        self.entries = entries
        var exact: [ExactName: Int] = [:]
        var wide: [Int] = []
        for (i, entry) in entries.enumerated() {
            if case .exact(let name) = entry.selector { exact[ExactName(name)] = i } else { wide.append(i) }
        }
        self.exact = exact
        self.wide = wide
        var hiddenNames: Set<ExactName> = []
        var hiddenWide: [Selector] = []
        for selector in hidden {
            if case .exact(let name) = selector {
                hiddenNames.insert(ExactName(name))
            } else {
                hiddenWide.append(selector)
            }
        }
        self.hiddenNames = hiddenNames
        self.hiddenWide = hiddenWide
    }

    func hides(_ tool: String, category: ToolCategory?) -> Bool {
        if !hiddenNames.isEmpty, hiddenNames.contains(ExactName(tool)) { return true }
        return hiddenWide.contains { $0.matches(tool, category) }
    }

    /// The entries that are about a tool, in document order: the exact one, if any, among the wide ones.
    ///
    /// COST: one dictionary look-up, one test a pattern, and no allocation unless a pattern matches.
    func entries(for tool: String, category: ToolCategory?) -> MatchedEntries {
        let named = exact.isEmpty ? nil : exact[ExactName(tool)]
        var matched: [Int] = []
        for i in wide where entries[i].selector.matches(tool, category) { matched.append(i) }
        return MatchedEntries(policy: self, named: named, wide: matched)
    }
}

/// A tool's name compared byte by byte; `String` would take canonically equivalent spellings for the same tool.
struct ExactName: Hashable, Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    static func == (a: ExactName, b: ExactName) -> Bool {
        var (x, y) = (a.text, b.text)
        return x.withUTF8 { p in
            y.withUTF8 { q in
                guard p.count == q.count else { return false }
                for i in 0..<p.count where p[i] != q[i] { return false }
                return true
            }
        }
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// The entries of `tools` that match one tool, in document order. Not with `all_tools`.
struct MatchedEntries: Sequence {
    let policy: CompiledPolicy
    let named: Int?
    let wide: [Int]

    var isEmpty: Bool { named == nil && wide.isEmpty }

    struct Iterator: IteratorProtocol {
        let matched: MatchedEntries
        var position = 0
        var isNamedDue: Bool

        mutating func next() -> CompiledEntry? {
            let wide = position < matched.wide.count ? matched.wide[position] : nil
            if isNamedDue, let named = matched.named, named < wide ?? .max {
                isNamedDue = false
                return matched.policy.entries[named]
            }
            guard let wide else { return nil }
            position += 1
            return matched.policy.entries[wide]
        }
    }

    func makeIterator() -> Iterator { Iterator(matched: self, isNamedDue: named != nil) }
}
