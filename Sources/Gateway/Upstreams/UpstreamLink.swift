import JSON
import MCP
import Runtime

/// A request as it goes to a server.
struct Outgoing: Sendable {
    /// The whole JSON-RPC request, with `id` as its id.
    let message: [UInt8]
    let id: Int64
    let method: String
    /// What modern servers want repeated in headers: the name or URI as the server knows it, and the arguments.
    var name: String?
    var arguments: JSONView?
    var headerParameters: [HeaderParameter] = []
    /// A call that becomes a task: requests about the task have to reach the session that has it.
    var startsTask = false
    /// On whose behalf; nil for the gateway's own requests.
    var sender: CallBook.Sender?
    /// It was said to the server before that began anew, and is not worth another beginning.
    var isAgain = false
}

/// A client session's way to one server. Requests carry ids that the link minted; answers come back by exchange.
protocol UpstreamLink: AnyObject, Sendable {
    /// What the server said of itself.
    var hello: UpstreamHello { get }

    /// Whether other sessions use it too. Then the server may ask nothing, because nobody knows whom it asks, and what it
    /// says outside of calls goes only to those who have subscribed to it.
    var isShared: Bool { get }

    /// Whether it may speak outside of calls from its opening on, so that somebody has to listen at once.
    var speaksUnasked: Bool { get }

    /// Whether the last try to reach the server failed, or it has ended; it may be there again by now.
    var seemsDown: Bool { get }

    /// Whether something is open that ends with the server, so that its end is noticed though nobody asks for anything.
    var hearsEnd: Bool { get }

    /// Another number each time the other side begins anew: what it asked before, it doesn't know any more.
    var life: Int { get }

    /// Whether there is no need to wait for `prepare()`.
    var isPrepared: Bool { get }

    /// Waits until the server can take a request, starting it if need be. Called before the decision, so that a permitted
    /// call goes on at once.
    func prepare() async throws(UpstreamError)

    /// An id that no other request on this link has; it also serves as progress token.
    func mintID() -> Int64

    /// Sends a request and waits for the first message that answers it.
    /// - Parameters:
    ///   - loop: the caller's loop.
    ///   - handle: how the call is cancelled.
    func send(_ request: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError) -> UpstreamReply

    /// Of what it was told only that is said again, when the server begins anew, which its client still wants.
    func goes(by wanted: @escaping Told.Wanted)

    /// Sends a notification or a response; failures are of no consequence.
    func post(_ message: [UInt8], on loop: EventLoop)

    /// Relays what the server sends outside of calls until it ends or `handle` is cancelled.
    /// - Parameters:
    ///   - filter: what modern servers are asked for; legacy ones send what they like.
    ///   - handle: it begins as soon as the server is heard, or it is clear that it can't be for now.
    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async

    /// A client wants to hear what the server logs from this severity on. A legacy server that several clients share is told
    /// the least that any of them wants; each then gets what it asked for.
    func log(from level: LogLevel, on loop: EventLoop) async

    /// What the client has subscribed to in the legacy way is another now: modern servers are asked anew.
    func subscribe(_ subscriptions: ListenFilter, on loop: EventLoop)

    /// Waits until the server has acknowledged that, or could not be asked.
    func settled() async

    /// The client session is over.
    func close(on loop: EventLoop)
}

/// The first thing that comes back.
enum UpstreamReply: Sendable {
    /// The response itself, and the HTTP status it came with.
    case response(RPCMessage, status: Int?)
    /// Other messages come before the response.
    case stream(any UpstreamStream)
}

/// Messages that belong to one request, ending with its response.
protocol UpstreamStream: AnyObject, Sendable {
    func next() async throws(UpstreamError) -> RPCMessage
    /// The HTTP status it came with.
    var status: Int? { get }
}

extension UpstreamStream {
    /// The response; what comes before it is passed over.
    func response() async throws(UpstreamError) -> RPCMessage {
        while true {
            let message = try await next()
            if case .response = message.kind { return message }
        }
    }
}

extension UpstreamLink {
    var speaksUnasked: Bool { false }
    var seemsDown: Bool { false }
    var hearsEnd: Bool { true }
    var life: Int { 0 }
    var isPrepared: Bool { false }
    func subscribe(_ subscriptions: ListenFilter, on loop: EventLoop) {}
    func settled() async {}
    func goes(by wanted: @escaping Told.Wanted) {}

    func log(from level: LogLevel, on loop: EventLoop) async {
        guard hello.version.era == .legacy, hello.capabilities?["logging"] != nil else { return }
        _ = try? await ask("logging/setLevel", [JSONMember("level", .string(level.rawValue))], on: loop)
    }

    /// A request of our own. What the server asks meanwhile is refused.
    /// - Parameters:
    ///   - params: without the modern envelope, which is added where the server wants it.
    ///   - handle: takes it back.
    func ask(
        _ method: String, _ params: [JSONMember] = [], on loop: EventLoop, isAgain: Bool = false,
        handle: CallHandle = CallHandle()
    ) async throws(UpstreamError) -> RPCMessage {
        let id = mintID()
        var params = params
        if hello.version.era == .modern {
            params.append(
                JSONMember(
                    "_meta",
                    .object([
                        JSONMember(MetaKey.protocolVersion.description, .string(hello.version.rawValue)),
                        JSONMember(MetaKey.clientCapabilities.description, [:]),
                    ])))
        }
        let message = RPCWriter.request(id: id, method: method, params: params.isEmpty ? nil : .object(params))
        let outgoing = Outgoing(message: message, id: id, method: method, isAgain: isAgain)
        switch try await send(outgoing, on: loop, handle: handle) {
        case .response(let message, _): return message
        case .stream(let stream):
            while true {
                let next = try await stream.next()
                switch next.kind {
                case .response: return next
                case .request(let asked): post(ServerRequest.answer(next.method, id: asked), on: loop)
                case .notification: break
                }
            }
        }
    }
}
