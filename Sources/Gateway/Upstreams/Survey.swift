import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// Everything that a server tells whoever asks: for `sluice scan`.
package struct ServerSurvey: Sendable {
    /// One of its lists, as far as it was read.
    package struct List: Sendable {
        /// In the server's order; each a document of its own.
        package var entries: [JSONView] = []
        /// Entries that have nothing to call them by.
        package var malformedCount = 0
        /// Why not all of it was read; nil when it was.
        package var cut: String?
    }

    /// The protocol version that was spoken.
    package let version: String
    /// What the server calls itself.
    package let serverInfo: JSONValue
    /// What it tells the model before anything else.
    package let instructions: String?
    /// What was asked for: tools always, the others if the server says that it has them.
    package let lists: [ListKind: List]
}

/// How much of a server is read.
package struct SurveyLimits: Sendable {
    /// For one answer; also the longest silence at the start.
    package var answer: TimeSpan
    /// For all of it.
    package var whole: TimeSpan
    /// Pages of one list.
    package var pages = 100
    /// Entries of one list.
    package var entries = 10_000
    /// Bytes of one answer.
    package var answerBytes = 16 << 20
    /// Bytes of all entries.
    package var bytes = 64 << 20

    /// - Parameters:
    ///   - answer: for one answer.
    ///   - whole: for all of it.
    package init(answer: TimeSpan, whole: TimeSpan) {
        self.answer = answer
        self.whole = whole
    }
}

/// What a survey has come to.
package enum SurveyStep: Sendable {
    /// The server has introduced itself, in this protocol version.
    case introduced(version: String)
    /// A page of a list has come.
    case page(ListKind, number: Int, entries: Int)
}

/// Connects to a server, reads its lists to the end and leaves. Never calls a tool; what the server asks is refused.
/// - Parameter heard: told of each step, on the survey's loop.
/// - Throws: `UpstreamError`; its detail has the last lines of a child's standard error.
package func survey(
    _ definition: Server, on group: EventLoopGroup, limits: SurveyLimits, launcher: ChildLauncher? = nil,
    heard: @escaping @Sendable (SurveyStep) -> Void = { _ in }
) async throws(UpstreamError) -> ServerSurvey {
    let loop = group.next()
    var definition = definition
    definition.settings.callTimeout = limits.answer
    definition.settings.longestCall = limits.answer
    definition.settings.maxResponse = limits.answerBytes
    var options = HTTPClientOptions()
    options.headTimeout = limits.answer
    let clients = HTTPClients(group, options: options)
    let server = UpstreamServer(
        definition, limits: StdioLimits(start: limits.answer, call: limits.answer, launcher: launcher),
        clients: clients, on: loop, log: Log { _, _, _ in }, notified: { _, _ in })
    // Links are used on a loop; the caller is a program's main function.
    let work = Task(executorPreference: loop) { () -> Result<ServerSurvey, UpstreamError> in
        let end = loop.now.microseconds + limits.whole.microseconds
        // A server may also go on and on without ever answering: then its connections are taken away.
        let alarm = loop.schedule(after: limits.whole) {
            Task(executorPreference: loop) {
                await clients.close()
                await server.shutDown()
            }
        }
        var result: Result<ServerSurvey, UpstreamError>
        do throws(UpstreamError) {
            var surveyor = Surveyor(limits: limits, end: end, loop: loop, heard: heard)
            result = .success(try await surveyor.read(server))
        } catch {
            let isLate = loop.now.microseconds >= end
            result = .failure(
                isLate ? UpstreamError(.timeout, mayHaveRun: false, detail: Surveyor.late(limits)) : error)
        }
        alarm.cancel()
        await server.shutDown()
        await clients.close()
        return result
    }
    return try await work.value.get()
}

/// Reads the lists of one server, on its loop.
private struct Surveyor {
    let limits: SurveyLimits
    let end: Int64
    let loop: EventLoop
    let heard: @Sendable (SurveyStep) -> Void
    var bytes = 0

    static func late(_ limits: SurveyLimits) -> String {
        "it was not done after \(limits.whole.microseconds / 1_000_000) seconds"
    }

    mutating func read(_ server: UpstreamServer) async throws(UpstreamError) -> ServerSurvey {
        let link = try await server.link(for: .gateway, relays: Relays(), on: loop)
        let hello = link.hello
        heard(.introduced(version: hello.version.rawValue))
        var lists: [ListKind: ServerSurvey.List] = [:]
        for kind in ListKind.allCases where kind == .tools || hello.capabilities?[kind.capability]?.kind == .object {
            do throws(UpstreamError) {
                lists[kind] = try await list(kind, of: link, isDeclared: hello.capabilities?[kind.capability] != nil)
            } catch {
                guard kind == .tools || error.code == .lost || error.code == .unreachable else {
                    lists[kind] = ServerSurvey.List(cut: error.detail)
                    continue
                }
                // Why a child has ended is known only when it is looked for again.
                if error.code == .lost { try await link.prepare() }
                throw error
            }
        }
        link.close(on: loop)
        return ServerSurvey(
            version: hello.version.rawValue, serverInfo: hello.serverInfo, instructions: hello.instructions,
            lists: lists)
    }

    private mutating func list(_ kind: ListKind, of link: any UpstreamLink, isDeclared: Bool)
        async throws(UpstreamError) -> ServerSurvey.List
    {
        var list = ServerSurvey.List()
        var cursor: String?
        var seen: Set<String> = []
        for number in 1... {
            let answer = try await link.ask(
                kind.method, cursor.map { [JSONMember("cursor", .string($0))] } ?? [], on: loop)
            guard let page = ListPage(answer, kind) else {
                // Templates are listed apart, and many servers with resources know nothing of them.
                let isUnknown = answer.outcome?["code"]?.int == -32_601
                if isUnknown, number == 1, !isDeclared || kind == .resourceTemplates { return list }
                throw UpstreamError(.broken, mayHaveRun: false, detail: Self.refusal(kind, answer))
            }
            list.malformedCount += page.malformedCount
            for entry in page.entries {
                bytes += entry.view.range.count
                list.cut = whyNoMore(after: list.entries.count)
                if list.cut != nil { break }
                list.entries.append(Self.copy(entry.view))
            }
            heard(.page(kind, number: number, entries: list.entries.count))
            guard list.cut == nil, let next = page.nextCursor else { return list }
            list.cut = whyNot(next, after: number, &seen)
            if list.cut != nil { return list }
            cursor = next
        }
        return list
    }

    /// Why the next page is not asked for.
    private func whyNot(_ cursor: String, after pages: Int, _ seen: inout Set<String>) -> String? {
        if !seen.insert(cursor).inserted { return "its pages lead back to an earlier one" }
        if pages >= limits.pages { return "it has more than \(limits.pages) pages" }
        if loop.now.microseconds >= end { return Self.late(limits) }
        return nil
    }

    /// Why the next entry is not kept.
    private func whyNoMore(after entries: Int) -> String? {
        if entries >= limits.entries { return "it has more than \(limits.entries) entries" }
        if bytes > limits.bytes { return "the server's lists are larger than \(limits.bytes >> 20) MiB" }
        return nil
    }

    private static func refusal(_ kind: ListKind, _ answer: RPCMessage) -> String {
        guard let error = answer.outcome, let code = error["code"]?.int else {
            return "\(kind.method) was not answered with a list"
        }
        return "\(kind.method) was answered with error \(code): \(clipped(error["message"]?.string ?? ""))"
    }

    /// Copied out, so that a large page is not held for the sake of one entry.
    private static func copy(_ definition: JSONView) -> JSONView {
        (try? JSONDocument.parse(Array(definition.rawBytes), limits: .upstream).root) ?? definition
    }
}

extension ListKind {
    /// The capability by which a server says that it has the list.
    fileprivate var capability: String {
        switch self {
        case .tools: "tools"
        case .prompts: "prompts"
        case .resources, .resourceTemplates: "resources"
        }
    }
}
