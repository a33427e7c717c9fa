import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// The way to a server of 2026-07-28 over Streamable HTTP: no session, each request says all about itself.
final class ModernHTTPLink: UpstreamLink {
    let hello: UpstreamHello
    private let route: HTTPRoute
    private let catalogue: ToolCatalogue
    private let memory: EraMemory
    private let hub: ListenHub
    private let counter = Atomic<Int64>(1)

    init(
        _ route: HTTPRoute, hello: UpstreamHello, client: ClientProfile, relays: Relays, catalogue: ToolCatalogue,
        memory: EraMemory
    ) {
        self.route = route
        self.hello = hello
        self.catalogue = catalogue
        self.memory = memory
        hub = ListenHub(
            capabilities: client.declared(to: hello.version, relays), introduction: client.introduction)
    }

    func prepare() async throws(UpstreamError) {}
    var isPrepared: Bool { true }
    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }
    var isShared: Bool { false }
    var seemsDown: Bool { route.breaker.failuresInARow > 0 }
    var hearsEnd: Bool { hub.isListening }

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        let pass = outgoing.takesPlace ? try await route.gate.enter(handle, on: loop) : nil
        let cancel = ClientCancel()
        // SPEC: 2026-07-28: closing the exchange cancels.
        handle.onCancel { loop.execute { cancel.cancel() } }
        let reply = try await once(outgoing, outgoing.headerParameters, on: loop, handle, cancel, pass)
        guard case .response(let response, _) = reply, case .response(_, isError: true) = response.kind,
            let code = response.outcome?["code"]?.int
        else { return reply }
        switch code {
        case -32_020 where outgoing.method == "tools/call":
            // The tool has other header parameters than when it was listed; the call was not carried out.
            guard let name = outgoing.name else { return reply }
            catalogue.invalidate()
            guard try await catalogue.facts(of: name, from: self, on: loop) != nil else { return reply }
            let errand = Errand("tools/call", .tool, name, nil)
            return try await once(outgoing, catalogue.headerParameters(of: errand), on: loop, handle, cancel, pass)
        case -32_022:
            // It speaks another version now: the next session finds out which.
            memory.forget()
            return reply
        default: return reply
        }
    }

    private func once(
        _ outgoing: Outgoing, _ parameters: [HeaderParameter], on loop: EventLoop, _ handle: CallHandle,
        _ cancel: ClientCancel, _ pass: GatePass?
    ) async throws(UpstreamError) -> UpstreamReply {
        var fields = route.postFields
        fields.append(.mcpProtocolVersion, hello.version.rawValue)
        do throws(HTTPError) {
            let headers = RoutingHeaders.outgoing(
                method: outgoing.method, name: outgoing.name, arguments: outgoing.arguments, parameters: parameters)
            for header in headers { try fields.append(checking: header.name, header.value) }
        } catch {
            throw UpstreamError(.broken, mayHaveRun: false, detail: "a routing header can't be written: \(error)")
        }
        var request = route.post(outgoing.message, fields)
        if outgoing.isListen { request.idleTimeout = .minutes(10) }
        switch try await route.open(request, on: loop, cancel: cancel, isStanding: outgoing.isListen) {
        case .complete(let response):
            handle.finish()
            do throws(UpstreamError) {
                let message = try route.response(response, to: outgoing.id)
                return .response(message, status: Int(response.head.status.code))
            } catch {
                // Whatever is there now, it is no modern server.
                if [400, 404, 405].contains(error.status) { memory.forget() }
                throw error
            }
        case .stream(let body):
            let events = HTTPEvents(
                body, to: outgoing.id, maxEvent: route.limits.maxMessage, on: loop,
                limits: outgoing.isListen ? nil : route.limits, pass: pass, handle: handle)
            handle.onCancel { loop.execute { events.cancel() } }
            let first = try await events.next()
            if case .response = first.kind { return .response(first, status: events.status) }
            return .stream(ResumedStream(first: first, rest: events))
        }
    }

    /// Modern servers take requests only: there is nobody to tell.
    func post(_ message: [UInt8], on loop: EventLoop) {}

    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {
        await hub.join(filter, handle, of: self, on: loop, take)
    }

    func subscribe(_ subscriptions: ListenFilter, on loop: EventLoop) {
        hub.subscribe(subscriptions, of: self, on: loop)
    }

    func settled() async { await hub.settled() }
    func close(on loop: EventLoop) { hub.close() }
}
