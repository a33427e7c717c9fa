import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// Finds out how a server speaks over HTTP, and opens a link to it.
enum HTTPOpening {
    /// What became of `initialize`.
    enum Initialized: Sendable {
        case session(LegacyHTTPLink.Session)
        /// The server wants something else, and what to tell if that does not work either.
        case other(UpstreamProbe.Verdict, UpstreamError)
    }

    static func link(
        _ route: HTTPRoute, memory: EraMemory, client: ClientProfile, relays: Relays, catalogue: ToolCatalogue,
        on loop: EventLoop
    ) async throws(UpstreamError) -> any UpstreamLink {
        switch memory.verdict {
        case .legacy:
            if case .session(let session) = try await initialize(route, client, relays, on: loop) {
                return LegacyHTTPLink(route, client: client, relays: relays, session: session)
            }
            // It is not what it was.
            memory.forget()
        case .eventStream:
            do throws(UpstreamError) {
                return try await EventStreamLink.open(route, client: client, relays: relays, on: loop)
            } catch {
                memory.forget()
                throw error
            }
        case .modern, nil: break
        }
        switch try await discover(route, client, on: loop) {
        case .modern(let hello):
            memory.keep(.modern(hello.version))
            return ModernHTTPLink(
                route, hello: hello, client: client, relays: relays, catalogue: catalogue, memory: memory)
        case .eventStream:
            let link = try await EventStreamLink.open(route, client: client, relays: relays, on: loop)
            memory.keep(.eventStream)
            return link
        case .legacy: memory.forget()
        }
        switch try await initialize(route, client, relays, on: loop) {
        case .session(let session):
            memory.keep(.legacy)
            return LegacyHTTPLink(route, client: client, relays: relays, session: session)
        case .other(.eventStream, let why):
            do throws(UpstreamError) {
                let link = try await EventStreamLink.open(route, client: client, relays: relays, on: loop)
                memory.keep(.eventStream)
                return link
            } catch {
                // What it said to `initialize` tells more than that a GET found no stream either.
                throw error.code == .refused ? why : error
            }
        case .other(_, let why): throw why
        }
    }

    private enum Discovered {
        case modern(UpstreamHello)
        case legacy
        /// Some answer whatever comes with the event stream of 2024-11-05.
        case eventStream
    }

    private static func discover(_ route: HTTPRoute, _ client: ClientProfile, on loop: EventLoop)
        async throws(UpstreamError) -> Discovered
    {
        var version = ProtocolVersion.newest
        for attempt in 0..<2 {
            var fields = route.postFields
            fields.append(.mcpProtocolVersion, version.rawValue)
            do throws(HTTPError) { try fields.append(checking: "Mcp-Method", "server/discover") } catch {
                return .legacy
            }
            let body = Discovery.request(id: 1, version: version, client: client.introduction)
            let (head, answer, isEventStream) = try await exchange(route, body, fields, on: loop)
            if isEventStream { return .eventStream }
            switch UpstreamProbe.afterDiscover(status: head.status.code, answer: answer) {
            case .modern:
                guard let answer, let hello = UpstreamHello(discovered: answer) else {
                    throw UpstreamError(
                        .broken, mayHaveRun: false, detail: "server/discover was refused: \(Self.words(answer, head))")
                }
                return .modern(hello)
            case .retry(let other) where attempt == 0: version = other
            case .noVerdict: throw route.unusable(head)
            default: return .legacy
            }
        }
        return .legacy
    }

    /// The handshake of the legacy era.
    static func initialize(_ route: HTTPRoute, _ client: ClientProfile, _ relays: Relays, on loop: EventLoop)
        async throws(UpstreamError) -> Initialized
    {
        let body = Handshake.request(
            id: 1, capabilities: client.declared(to: .newestLegacy, relays), client: client.introduction)
        let (head, answer, _) = try await exchange(route, body, route.postFields, on: loop)
        let verdict = UpstreamProbe.afterInitialize(status: head.status.code, answer: answer)
        guard case .legacy = verdict, let answer, let hello = UpstreamHello(answer) else {
            let status = Int(head.status.code)
            if case .noSharedVersion(let text) = verdict {
                let detail =
                    "initialize was not answered with a version that we speak, but with `\(text.prefix(64))`"
                return .other(verdict, UpstreamError(.broken, mayHaveRun: false, detail: detail, status: status))
            }
            guard let answer else { return .other(verdict, route.unusable(head)) }
            let detail = "initialize was refused: \(Self.words(answer, head))"
            return .other(verdict, UpstreamError(.refused, mayHaveRun: false, detail: detail, status: status))
        }
        var fields = route.postFields
        fields.append(.mcpProtocolVersion, hello.version.rawValue)
        let sessionID = head.fields[.mcpSessionID]?.string
        if let sessionID { fields.append(.mcpSessionID, sessionID) }
        let ready = route.opening(RPCWriter.notification(method: "notifications/initialized"), fields)
        _ = try await route.open(ready, on: loop, cancel: ClientCancel(), isOpening: true)
        return .session(LegacyHTTPLink.Session(hello, id: sessionID, route))
    }

    private static func exchange(_ route: HTTPRoute, _ body: [UInt8], _ fields: Fields, on loop: EventLoop)
        async throws(UpstreamError) -> (ResponseHead, RPCMessage?, isEventStream: Bool)
    {
        switch try await route.open(route.opening(body, fields), on: loop, cancel: ClientCancel(), isOpening: true) {
        case .complete(let response): return (response.head, route.message(response.body), false)
        case .stream(let stream):
            let events = HTTPEvents(stream, to: 1, maxEvent: route.limits.maxMessage, on: loop)
            defer { stream.cancel() }
            while true {
                let event = try await events.nextEvent()
                if event.event == "endpoint" { return (stream.head, nil, true) }
                if let message = route.message(event.data) { return (stream.head, message, false) }
            }
        }
    }

    /// A server's error for the operator's log, in one line.
    private static func words(_ answer: RPCMessage?, _ head: ResponseHead) -> String {
        guard let error = answer?.outcome, let code = error["code"]?.int else {
            return "HTTP status \(head.status.code)"
        }
        let text = (error["message"]?.string ?? "").prefix(200).filter { !$0.isNewline }
        return "error \(code) (HTTP status \(head.status.code)): \(text)"
    }
}
