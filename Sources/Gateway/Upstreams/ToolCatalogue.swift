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
        var refreshed = TimeSpan.zero
    }

    /// A name that is not there makes us ask the server again, at most this often.
    private static let refreshInterval = TimeSpan.seconds(2)
    /// Against servers whose pages never end.
    private static let maxPages = 100
    private static let maxTools = 10_000

    private let state = Mutex(State())

    /// The tool's facts; nil when the server has no tool of that name. Asks the server if it was not asked yet.
    func facts(of name: String, from link: any UpstreamLink, on loop: EventLoop) async throws(UpstreamError)
        -> ToolFacts?
    {
        let now = loop.now
        let known = state.withLock { state -> (facts: ToolFacts?, isFresh: Bool) in
            guard let tools = state.tools else { return (nil, false) }
            if let facts = tools[name] { return (facts, true) }
            return (nil, now.microseconds - state.refreshed.microseconds < Self.refreshInterval.microseconds)
        }
        if known.isFresh { return known.facts }
        return try await refresh(from: link, on: loop)[name]
    }

    /// What a call repeats in HTTP headers.
    func headerParameters(of errand: Errand) -> [HeaderParameter] {
        errand.subject == .tool ? state.withLock { $0.headers[errand.name] ?? [] } : []
    }

    /// The server says that its list has changed.
    func invalidate() {
        state.withLock { $0.tools = nil }
    }

    /// Takes over definitions that passed by in a client's `tools/list`.
    func learn(_ page: ListPage) {
        let facts = page.entries.map { ($0.id, Self.facts($0.id, $0.view)) }
        state.withLock { state in
            guard var tools = state.tools else { return }
            for (name, fact) in facts where tools.count < Self.maxTools || tools[name] != nil { tools[name] = fact }
            state.tools = tools
        }
    }

    private func refresh(from link: any UpstreamLink, on loop: EventLoop) async throws(UpstreamError)
        -> [String: ToolFacts]
    {
        var tools: [String: ToolFacts] = [:]
        var headers: [String: [HeaderParameter]] = [:]
        try await Self.eachPage(of: link, on: loop) { page in
            for entry in page.entries {
                tools[entry.id] = Self.facts(entry.id, entry.view)
                guard let schema = entry.view["inputSchema"], let parameters = try? HeaderParameter.all(in: schema),
                    !parameters.isEmpty
                else { continue }
                headers[entry.id] = parameters
            }
        }
        let now = loop.now
        state.withLock { [headers] state in
            state.tools = tools
            state.headers = headers
            state.refreshed = now
        }
        return tools
    }

    /// Follows `nextCursor` to the end.
    static func eachPage(of link: any UpstreamLink, on loop: EventLoop, _ take: (ListPage) -> Void)
        async throws(UpstreamError)
    {
        var cursor: String?
        var count = 0
        for _ in 0..<maxPages {
            let answer = try await link.ask(
                "tools/list", cursor.map { [JSONMember("cursor", .string($0))] } ?? [], on: loop)
            guard let page = ListPage(answer, .tools) else {
                throw UpstreamError(
                    .broken, mayHaveRun: false, detail: "tools/list was not answered with a list of tools")
            }
            take(page)
            count += page.entries.count
            guard let next = page.nextCursor, next != cursor, count <= maxTools else { return }
            cursor = next
        }
    }

    /// Annotations and schema are copied out, so that a large page is not held for the sake of one tool.
    private static func facts(_ name: String, _ definition: JSONView) -> ToolFacts {
        func copy(_ view: JSONView?) -> JSONView? {
            view.flatMap { try? JSONDocument.parse(Array($0.rawBytes), limits: .upstream).root }
        }
        return ToolFacts(
            name: name, annotations: copy(definition["annotations"]),
            schema: copy(definition["inputSchema"]).map { CompiledSchema.compile($0) })
    }
}
