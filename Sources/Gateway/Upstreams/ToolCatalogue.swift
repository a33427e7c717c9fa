import Base
import JSON
import MCP
import Policy
import Runtime
import Synchronization

/// The tools of one server as it last listed them. What the policy knows about a tool comes from here.
final class ToolCatalogue: Sendable {
    private struct State {
        var tools: [String: ToolFacts]?
        /// What calls of a tool repeat in HTTP headers, for modern servers; tools without any are not here.
        var headers: [String: [HeaderParameter]] = [:]
        /// Tools that a modern server over HTTP may not have: their header parameters break the rules.
        var unusable: Set<String> = []
        var refreshed = TimeSpan.zero
        /// Counts what the server has said of changes.
        var changes: UInt64 = 0
        /// It has changed again while it was read: the next call asks anew.
        var isStale = false
        /// As the server sent them.
        var definitions: [String: JSONView] = [:]
        /// Bytes of them.
        var size = 0
        /// See `Digest`.
        var doubtful: Set<String> = []
        /// What was told of them already, and of which approval.
        var noted: Set<PinFinding> = []
        /// What the server introduced itself with, and the names that were written down last.
        var instructions: String?
        var observed: Set<String> = []
        var stamp: Int64 = 0
    }

    /// A name that is not there makes us ask the server again, at most this often.
    private static let refreshInterval = TimeSpan.seconds(2)
    /// Against servers whose pages never end.
    private static let maxPages = 100
    private static let maxTools = 10_000
    /// Of all pages together: they are held until the last one is read. Of all definitions, too, however they were learnt.
    static let maxBytes = 64 << 20

    let server: String
    let log: Log
    private let observer: Observer?
    private let maxBytes: Int
    private let state = Mutex(State())
    private let refreshing = SharedWork<[String: ToolFacts]>()
    private let dropsIllegalHeaders = Atomic<Bool>(false)

    init(of server: String, log: Log, observer: Observer? = nil, maxBytes: Int = ToolCatalogue.maxBytes) {
        self.server = server
        self.maxBytes = maxBytes
        self.log = log
        self.observer = observer
    }

    /// Whether the server is one whose tools are called with headers.
    func checksHeaders(_ flag: Bool) { dropsIllegalHeaders.store(flag, ordering: .relaxed) }

    /// Whether it is left out: the protocol wants it so, or it is called "", of which no category is known.
    func isUnusable(_ name: String) -> Bool {
        name.isEmpty || dropsIllegalHeaders.load(ordering: .relaxed) && state.withLock { $0.unusable.contains(name) }
    }

    /// What can be said of a tool without asking the server.
    enum Knowledge {
        /// Its facts; nil: the server has no tool of that name.
        case facts(ToolFacts?)
        /// Nothing: the server has to be asked.
        case nothing
    }

    /// What is known of a tool.
    func knows(_ name: String, at now: TimeSpan) -> Knowledge {
        guard !name.isEmpty else { return .facts(nil) }
        return state.withLock { state in
            guard let tools = state.tools, !state.isStale else { return .nothing }
            if let facts = tools.exactly(name) { return .facts(facts) }
            let age = now.microseconds - state.refreshed.microseconds
            return age < Self.refreshInterval.microseconds ? .facts(nil) : .nothing
        }
    }

    /// The tool's facts; nil when the server has no tool of that name. Asks the server if it was not asked yet.
    func facts(of name: String, from link: any UpstreamLink, on loop: EventLoop) async throws(UpstreamError)
        -> ToolFacts?
    {
        if case .facts(let facts) = knows(name, at: loop.now) { return facts }
        return try await newest(from: link, on: loop).exactly(name)
    }

    /// Calls that miss the list at the same moment ask once. Who has waited in vain for another client's way to the server asks
    /// on its own: that one may have ended with its session.
    private func newest(from link: any UpstreamLink, on loop: EventLoop) async throws(UpstreamError)
        -> [String: ToolFacts]
    {
        var isOurs = link.isShared
        do throws(UpstreamError) {
            return try await refreshing.run { () async throws(UpstreamError) in
                isOurs = true
                return try await refresh(from: link, on: loop)
            }
        } catch {
            guard !isOurs else { throw error }
            return try await refresh(from: link, on: loop)
        }
    }

    /// What a call repeats in HTTP headers.
    func headerParameters(of errand: Errand) -> [HeaderParameter] {
        errand.subject == .tool ? state.withLock { $0.headers[errand.name] ?? [] } : []
    }

    /// Whether a legacy server says that it runs the tool as a task, and not otherwise.
    func runsAsTaskOnly(_ name: String) -> Bool {
        state.withLock { $0.definitions[name] }.map(TaskShape.support) == .required
    }

    /// Asks the server for its tools unless they are known.
    func load(from link: any UpstreamLink, on loop: EventLoop) async throws(UpstreamError) {
        if state.withLock({ $0.tools == nil || $0.isStale }) { _ = try await refresh(from: link, on: loop) }
    }

    /// The definitions as the server sent them; nil when it was not asked yet.
    var definitions: [String: JSONView]? { state.withLock { $0.tools == nil ? nil : $0.definitions } }

    /// Whether nobody can say which definition of a tool a call of that name means.
    func isDoubtful(_ name: String) -> Bool { state.withLock { $0.doubtful.contains(name) } }

    /// Whether an entry of a list is what calls of its name are judged by. Of several of one name one is.
    func keeps(_ entry: ListPage.Entry) -> Bool {
        state.withLock { state in
            guard state.doubtful.contains(entry.id) else { return true }
            return state.definitions.exactly(entry.id)?.rawBytes == entry.view.rawBytes
        }
    }

    /// Whether a finding was not told yet since the approval of that stamp.
    func isNews(_ finding: PinFinding, stamp: Int64) -> Bool {
        state.withLock { state in
            if state.stamp != stamp || state.noted.count > Self.maxTools { (state.stamp, state.noted) = (stamp, []) }
            return state.noted.insert(finding).inserted
        }
    }

    /// The server says that its list has changed.
    func invalidate() {
        state.withLock { state in
            state.tools = nil
            state.changes += 1
        }
    }

    /// How often the server has said that its list has changed.
    var changes: UInt64 { state.withLock { $0.changes } }

    /// Takes over definitions that passed by in a client's `tools/list`.
    /// - Parameters:
    ///   - isWhole: whether there are no other pages.
    ///   - changes: what `changes` was when the client asked; what came before a change is not learnt after it.
    func learn(_ page: ListPage, isWhole: Bool, askedAt changes: UInt64, on loop: EventLoop) async {
        let (known, instructions, unusable) = state.withLock { ($0.definitions, $0.instructions, $0.unusable) }
        let entries = page.entries.filter { !$0.id.isEmpty && !unusable.contains($0.id) }
        // Of several of one name the last one counts.
        let last = Dictionary(entries.map { ($0.id, $0.view) }, uniquingKeysWith: { $1 })
        // COST: what is known by the same bytes is neither copied, compiled nor judged again, and that is mostly all.
        let fresh = last.filter { known[$0.key]?.rawBytes != $0.value.rawBytes }
        var learnt: [(name: String, facts: ToolFacts, definition: JSONView)] = []
        if !fresh.isEmpty {
            learnt = await Self.aside(known.count + fresh.count) { [server] in
                let fresh = fresh.mapValues(Self.copy)
                let profile = Self.profile(server, instructions, known.merging(fresh) { $1 })
                return entries.compactMap { entry in
                    guard let definition = fresh[entry.id] else { return nil }
                    let schema = definition["inputSchema"].map { CompiledSchema.compile($0) }
                    return (entry.id, Self.facts(entry.id, definition, schema, profile), definition)
                }
            }
        }
        let doubtful = Self.doubtful(entries)
        let news = state.withLock { state -> Observer.Words? in
            guard state.changes == changes, var tools = state.tools else { return nil }
            var isNews = false
            state.doubtful.formUnion(doubtful)
            for tool in learnt where tools.count < Self.maxTools || tools[tool.name] != nil {
                let known = state.definitions[tool.name]?.rawBytes.count ?? 0
                let size = state.size - known + tool.definition.rawBytes.count
                guard !state.unusable.contains(tool.name), size <= maxBytes else { continue }
                guard !tools.hasOtherSpelling(of: tool.name) else {
                    state.doubtful.insert(tool.name)
                    continue
                }
                isNews = true
                state.size = size
                tools[tool.name] = tool.facts
                state.definitions[tool.name] = tool.definition
            }
            state.tools = tools
            guard observer != nil, isNews || isWhole else { return nil }
            let names = Set(last.keys)
            guard isNews || isWhole && names != state.observed else { return nil }
            var words = Observer.Words(instructions: state.instructions, tools: state.definitions)
            if isWhole { words.tools = words.tools.filter { names.contains($0.key) } }
            if isWhole, names.count < entries.count {
                words.repeated = Set(Dictionary(grouping: entries, by: \.id).filter { $0.value.count > 1 }.keys)
            }
            state.observed = Set(words.tools.keys)
            return words
        }
        if let news { observer?.saw(news, of: server, on: loop) }
    }

    /// Names that a page has with several definitions, or in several spellings.
    private static func doubtful(_ entries: [ListPage.Entry]) -> Set<String> {
        var (seen, doubtful): ([String: JSONView], Set<String>) = ([:], [])
        for entry in entries {
            guard let former = seen.updateValue(entry.view, forKey: entry.id) else { continue }
            // The name is a part of it.
            if former.canonical() != entry.view.canonical() { doubtful.insert(entry.id) }
        }
        return doubtful
    }

    /// Asks for all pages; once more if the server says meanwhile that they have changed.
    private func refresh(from link: any UpstreamLink, on loop: EventLoop) async throws(UpstreamError)
        -> [String: ToolFacts]
    {
        let before = changes
        let tools = try await fetch(from: link, on: loop)
        guard changes != before else { return tools }
        return try await fetch(from: link, on: loop)
    }

    private func fetch(from link: any UpstreamLink, on loop: EventLoop) async throws(UpstreamError)
        -> [String: ToolFacts]
    {
        let before = changes
        var pages: [ListPage] = []
        try await Self.eachPage(of: link, on: loop) { pages.append($0) }
        let (instructions, dropsIllegal) = (link.hello.instructions, dropsIllegalHeaders.load(ordering: .relaxed))
        let made = await Self.aside(pages.reduce(0) { $0 + $1.entries.count }) { [self, pages] in
            digest(pages, instructions, dropsIllegal: dropsIllegal)
        }
        let now = loop.now
        state.withLock { state in
            state.tools = made.tools
            state.isStale = state.changes != before
            state.definitions = made.definitions
            state.size = made.definitions.values.reduce(0) { $0 + $1.rawBytes.count }
            state.doubtful = made.doubtful
            state.headers = made.headers
            state.unusable = made.unusable
            state.refreshed = now
            state.instructions = instructions
            state.observed = Set(made.definitions.keys)
        }
        let words = Observer.Words(instructions: instructions, tools: made.definitions, repeated: made.repeated)
        observer?.saw(words, of: server, on: loop)
        return made.tools
    }

    /// Follows `nextCursor` to the end.
    static func eachPage(of link: any UpstreamLink, on loop: EventLoop, _ take: (ListPage) -> Void)
        async throws(UpstreamError)
    {
        var cursor: String?
        var seen: Set<String> = []
        var (count, bytes) = (0, 0)
        for _ in 0..<maxPages {
            let answer = try await link.ask(
                "tools/list", cursor.map { [JSONMember("cursor", .string($0))] } ?? [], on: loop)
            guard let page = ListPage(answer, .tools) else {
                throw UpstreamError(
                    .broken, mayHaveRun: false, detail: "tools/list was not answered with a list of tools")
            }
            take(page)
            count += page.entries.count
            bytes += answer.document.bytes.count
            guard let next = page.nextCursor, seen.insert(next).inserted, count <= maxTools, bytes <= maxBytes else {
                return
            }
            cursor = next
        }
    }
}
