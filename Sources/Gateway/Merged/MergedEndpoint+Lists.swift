import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store

/// The lists of all servers as one.
extension MergedEndpoint {
    /// Entries after which a page ends, at the end of a server's own page.
    private static let pageSize = 1_000
    /// Bytes of entries that a page has only if a server's own page has more. So many are read of each server at once.
    // WHY: a connection takes no more than 64 MiB that wait for its client, and a server's page may have 32.
    private static let pageBytes = 16 << 20
    private static let maxPages = 100

    /// How we introduce ourselves: this is no single server.
    static let introduction: JSONValue = ["name": "sluice", "title": "Sluice gateway", "version": "1"]

    /// A server's own page: where it starts, and its entries, renamed.
    private struct Page: Sendable {
        let cursor: String?
        let entries: [[UInt8]]
        let hints: CacheHints

        var bytes: Int { entries.reduce(0) { $0 + $1.count } }
    }

    /// A server's pages, as many as are read at once.
    private struct Pages: Sendable {
        var read: [Page] = []
        /// Where it goes on, if there is too much behind them.
        var rest: String?
    }

    func list(
        _ kind: ListKind, _ message: RPCMessage, _ id: RequestID, _ session: MergedSession, _ arrival: Arrival,
        _ profile: ClientProfile?, _ reply: any ReplyChannel
    ) async {
        var start: MergedCursor?
        if let text = message.params?["cursor"]?.string {
            do throws(ProtocolFault) {
                start = try MergedCursor(text, kind, grant: arrival.holder.grant.id, openedBy: sealer)
            } catch {
                let status = profile == nil ? HTTPStatus.ok : HTTPStatus(error.code.httpStatus)
                return await reply.answer(error.answer(to: id), status: status)
            }
        }
        var parts = await parts(session, arrival, profile: profile)
        if let start {
            guard let index = parts.firstIndex(where: { $0.caller.server.name == start.server }) else {
                parts = []
                return await answer(MergedList(kind), nil, id, profile, reply)
            }
            parts = Array(parts[index...])
        }
        let found = await pages(kind, of: parts, from: start?.cursor, session, arrival, profile, reply)
        guard !session.isEnded else {
            // The grant may have ended while the servers answered.
            guard profile != nil else { return reply.silence() }
            let (answer, status) = UpstreamAnswer.error(Self.over, id: id, requestID: arrival.requestID)
            return await reply.answer(answer, status: status)
        }
        var list = MergedList(kind)
        var next: MergedCursor?
        outer: for (part, pages) in zip(parts, found) {
            for page in pages.read {
                guard list.count < Self.pageSize, list.count == 0 || list.bytes + page.bytes <= Self.pageBytes else {
                    next = MergedCursor(server: part.caller.server.name, cursor: page.cursor)
                    break outer
                }
                list.join(page.hints)
                for entry in page.entries { list.append(entry) }
            }
            if let rest = pages.rest {
                next = MergedCursor(server: part.caller.server.name, cursor: rest)
                break
            }
        }
        await answer(list, next?.sealed(kind, grant: arrival.holder.grant.id, by: sealer), id, profile, reply)
    }

    private func answer(
        _ list: MergedList, _ next: String?, _ id: RequestID, _ profile: ClientProfile?, _ reply: any ReplyChannel
    ) async {
        await reply.answer(
            list.answer(to: id, nextCursor: next, modern: profile == nil ? nil : Self.introduction))
    }

    /// The pages of each part, side by side; none of a server that does not answer in time. It is not asked any longer than that,
    /// nor than anybody wants to know.
    private func pages(
        _ kind: ListKind, of parts: [ClientSession], from cursor: String?, _ session: MergedSession,
        _ arrival: Arrival, _ profile: ClientProfile?, _ reply: (any ReplyChannel)? = nil
    ) async -> [Pages] {
        let loop = arrival.loop
        let handles = parts.map { _ in CallHandle() }
        // A legacy client's list ends with its session.
        if profile != nil { reply?.onGone { for handle in handles { handle.cancel() } } }
        return await withTaskGroup(of: (Int, Pages).self) { group in
            for (index, part) in parts.enumerated() {
                let handle = handles[index]
                group.addTask(executorPreference: loop) {
                    part.entered(handle)
                    defer { part.left(handle) }
                    let pages = await within(Self.patience, on: loop) {
                        try? await self.pages(
                            kind, of: part, from: index == 0 ? cursor : nil, session, arrival.at(part), profile, handle)
                    }
                    guard let pages = pages ?? nil else {
                        // That nobody waits any more says nothing of the server.
                        guard !handle.isCancelled else { return (index, Pages()) }
                        handle.cancel()
                        self.note(part.caller.server.name, session, isDead: true)
                        return (index, Pages())
                    }
                    return (index, pages)
                }
            }
            var found = [Pages](repeating: Pages(), count: parts.count)
            for await (index, pages) in group { found[index] = pages }
            return found
        }
    }

    private func pages(
        _ kind: ListKind, of part: ClientSession, from start: String?, _ session: MergedSession, _ arrival: Arrival,
        _ profile: ClientProfile?, _ handle: CallHandle
    ) async throws(UpstreamError) -> Pages {
        guard offers(kind, part) else { return Pages() }
        let server = part.caller.server.name
        try await part.link.prepare()
        var pages = Pages()
        var names: [String] = []
        var cursor = start
        var seen: Set<String> = []
        var (count, bytes) = (0, 0)
        for _ in 0..<Self.maxPages {
            let changes = part.server.catalogue.changes
            let answer = try await part.link.ask(
                kind.method, cursor.map { [JSONMember("cursor", .string($0))] } ?? [], on: arrival.loop, handle: handle)
            guard let page = ListPage(answer, kind) else {
                // A server that has no such list says so by an error.
                if case .response(_, isError: true) = answer.kind { break }
                throw UpstreamError(.broken, mayHaveRun: false, detail: "\(kind.method) was not answered with a list")
            }
            let probe = Visit(
                requestID: arrival.requestID, caller: arrival.caller, session: part, profile: profile, message: answer,
                id: RequestID(0), peerIP: arrival.peerIP, loop: arrival.loop, started: arrival.started)
            if kind == .tools {
                await part.server.catalogue.learn(
                    page, isWhole: cursor == nil && page.nextCursor == nil, askedAt: changes, on: arrival.loop)
            }
            var visible: [ListPage.Entry] = []
            for entry in page.entries where try await endpoint.isListed(kind, entry, probe) { visible.append(entry) }
            names += visible.map(\.id)
            if kind == .tools || kind == .prompts { session.learn(names, kind, of: server) }
            let entries = visible.compactMap { renamed($0, kind, part, session) }
            pages.read.append(Page(cursor: cursor, entries: entries, hints: CacheHints(page.result) ?? .stale))
            count += page.entries.count
            bytes += answer.document.bytes.count
            guard let next = page.nextCursor, seen.insert(next).inserted, count <= 10_000 else { break }
            guard bytes < Self.pageBytes else {
                pages.rest = next
                break
            }
            cursor = next
        }
        note(server, session, isDead: false)
        return pages
    }

    private func offers(_ kind: ListKind, _ part: ClientSession) -> Bool {
        guard let capabilities = part.link.hello.capabilities else { return kind == .tools }
        switch kind {
        case .tools: return capabilities["tools"] != nil
        case .prompts: return capabilities["prompts"] != nil
        case .resources, .resourceTemplates: return capabilities["resources"] != nil
        }
    }

    /// An entry under its name of this endpoint; nil if the name collides with another server's.
    private func renamed(_ entry: ListPage.Entry, _ kind: ListKind, _ part: ClientSession, _ session: MergedSession)
        -> [UInt8]?
    {
        let server = part.caller.server.name
        var splice = JSONSplice(entry.view.document)
        switch kind {
        case .tools, .prompts:
            guard let name = session.exposed(entry.id, kind, of: server) else { return nil }
            splice.set("name", to: .string(name), in: entry.view)
            if kind == .tools {
                let hello = part.link.hello
                if session.profile.era == .legacy, hello.version.era == .modern {
                    let offersTasks =
                        session.profile.version == .november2025 && TaskShape.isDeclared(in: hello.capabilities)
                    LegacyFront.tool(entry.view, offersTasks: offersTasks, in: &splice)
                }
                for uri in NamedPlaces.uris(inTool: entry.view) {
                    splice.replace(uri, with: ServerURI.exposed(uri.string ?? "", of: server))
                }
            }
        case .resources:
            splice.set("uri", to: .string(ServerURI.exposed(entry.id, of: server)), in: entry.view)
        case .resourceTemplates:
            splice.set("uriTemplate", to: .string(ServerURI.exposed(entry.id, of: server)), in: entry.view)
        }
        return splice.applied(to: entry.view)
    }

    /// Asks all servers for their names, for a name that can't be taken apart.
    func learn(_ kind: ListKind, _ session: MergedSession, _ arrival: Arrival, _ profile: ClientProfile?) async {
        let parts = await parts(session, arrival, profile: profile)
        _ = await pages(kind, of: parts, from: nil, session, arrival, profile)
    }

    // MARK: Introduction

    func capabilities(of parts: [ClientSession], for version: ProtocolVersion, _ arrival: Arrival) -> JSONValue {
        Capabilities.union(
            parts.map { part in
                part.link.hello.capabilities.map {
                    Capabilities.server(
                        $0, from: part.link.hello.version, to: version, relays: arrival.at(part).caller.relays)
                } ?? [:]
            })
    }

    /// Each server's own words under its name.
    func instructions(of parts: [ClientSession], _ arrival: Arrival) -> JSONValue? {
        let texts = parts.compactMap { part in
            endpoint.pins.approved(part.link.hello.instructions, arrival.at(part).caller).map {
                "## \(part.caller.server.name)\n\n\($0)"
            }
        }
        return texts.isEmpty ? nil : .string(texts.joined(separator: "\n\n"))
    }

    func discovered(_ parts: [ClientSession], _ arrival: Arrival) -> JSONValue {
        var members = [
            JSONMember("resultType", "complete"),
            JSONMember("supportedVersions", .array(ProtocolVersion.modern.map { .string($0.rawValue) })),
            JSONMember("capabilities", capabilities(of: parts, for: .newest, arrival)),
        ]
        if let instructions = instructions(of: parts, arrival) {
            members.append(JSONMember("instructions", instructions))
        }
        members += [
            JSONMember("ttlMs", 0), JSONMember("cacheScope", "private"),
            JSONMember("_meta", .object([JSONMember(MetaKey.serverInfo.description, Self.introduction)])),
        ]
        return .object(members)
    }
}
