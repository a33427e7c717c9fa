package import Base
internal import JSON

/// A policy ready to decide: immutable, shared by all calls, indexed so that a decision does not look at entries that are
/// about other tools.
package final class CompiledPolicy: Sendable {
    /// The name it is stored under.
    package let name: String
    /// The number of the stored version.
    package let version: Int
    /// Text for people.
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
    let hiddenWide: [Selector]

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

    /// Whether any selector is about resources.
    var speaksOfResources: Bool {
        (entries.map(\.selector) + hiddenWide).contains { $0.subject == .resource }
            || hiddenNames.contains { Subject(of: $0.text) == .resource }
    }

    /// The longest window of any limit; nil if there is none. Counters have to be rebuilt that far back.
    package var longestWindow: TimeSpan? {
        (entries + (allTools.map { [$0] } ?? [])).flatMap(\.limits).map(\.window.span).max()
    }

    func hides(_ tool: String, category: ToolCategory?) -> Bool {
        if !hiddenNames.isEmpty, hiddenNames.contains(ExactName(tool)) { return true }
        return hiddenWide.contains { $0.matches(tool, category) }
    }

    /// The entries that are about a tool, in document order: the exact one, if any, among the wide ones. Not `all_tools`.
    ///
    /// COST: one dictionary look-up, one test a pattern, and no allocation unless a pattern matches.
    func entries(for tool: String, category: ToolCategory?) -> MatchedEntries {
        let named = exact.isEmpty ? nil : exact[ExactName(tool)]
        var wideMatches: [Int] = []
        for i in wide where entries[i].selector.matches(tool, category) { wideMatches.append(i) }
        guard !wideMatches.isEmpty else { return MatchedEntries(only: named.map { entries[$0] }, all: []) }
        if let named { wideMatches.insert(named, at: wideMatches.firstIndex { $0 > named } ?? wideMatches.count) }
        return MatchedEntries(only: nil, all: wideMatches.map { entries[$0] })
    }
}

/// The entries that match one tool: mostly one.
struct MatchedEntries: Sendable {
    let only: CompiledEntry?
    let all: [CompiledEntry]

    var isEmpty: Bool { only == nil && all.isEmpty }
    var count: Int { only == nil ? all.count : 1 }

    subscript(index: Int) -> CompiledEntry { only ?? all[index] }
}

/// A tool's name compared byte by byte; `String` would take canonically equivalent spellings for the same tool.
struct ExactName: Hashable, Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    static func == (a: ExactName, b: ExactName) -> Bool { ByteText.same(a.text, b.text) }

    func hash(into hasher: inout Hasher) {
        ByteText.with(text) { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
