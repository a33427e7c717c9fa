import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

/// The bytes of a response that come bit by bit. Used on one loop.
protocol EventBody: AnyObject, Sendable {
    /// The next bytes; nil at the end.
    func next() async throws(HTTPClientError) -> [UInt8]?
    func cancel()
}

extension ClientStream: EventBody {}

/// The messages of an event stream. Used on one loop.
final class HTTPEvents: UpstreamStream {
    /// How a stream that broke goes on: legacy servers number their events.
    typealias Resume = @Sendable (_ lastEventID: String) async -> (any EventBody)?

    private struct State {
        var body: any EventBody
        var parser: SSEParser
        var waiting: [SSEEvent] = []
        var lastEventID = ""
        var pause = TimeSpan.seconds(1)
        var attempts = 0
        var isCancelled = false
        var pass: GatePass?
        var deadline: Deadline?
    }

    private static let maxAttempts = 5
    private static let longestPause = TimeSpan.seconds(30)

    let status: Int?
    private let id: Int64?
    private let maxEvent: Int
    private let loop: EventLoop
    private let resume: Resume?
    /// Cancelling has no meaning any more once the response is there.
    private let handle: CallHandle?
    private let state: Mutex<State>
    private let isLate = Atomic<Bool>(false)

    /// - Parameters:
    ///   - id: of the request; responses to others are passed over.
    ///   - limits: of a call; nil for standing streams.
    convenience init(
        _ body: ClientStream, to id: Int64? = nil, maxEvent: Int, on loop: EventLoop, limits: UpstreamLimits? = nil,
        pass: GatePass? = nil, handle: CallHandle? = nil, resume: Resume? = nil
    ) {
        self.init(
            body, status: Int(body.head.status.code), to: id, maxEvent: maxEvent, on: loop, limits: limits, pass: pass,
            handle: handle, resume: resume)
    }

    init(
        _ body: any EventBody, status: Int, to id: Int64?, maxEvent: Int, on loop: EventLoop, limits: UpstreamLimits?,
        pass: GatePass?, handle: CallHandle?, resume: Resume?
    ) {
        self.handle = handle
        self.id = id
        self.maxEvent = maxEvent
        self.loop = loop
        self.resume = resume
        self.status = status
        state = Mutex(State(body: body, parser: SSEParser(maxEvent: maxEvent), pass: pass))
        guard let limits else { return }
        let deadline = Deadline(limits, on: loop) { [weak self] in self?.ranOut() }
        state.withLock { $0.deadline = deadline }
    }

    /// What a reconnection has to name; empty if the server numbers nothing.
    var lastEventID: String { state.withLock { $0.lastEventID } }

    /// Closes the exchange, also while nobody reads; on the stream's loop.
    func cancel() {
        let body = state.withLock { state in
            state.isCancelled = true
            return state.body
        }
        body.cancel()
    }

    private func ranOut() {
        isLate.store(true, ordering: .relaxed)
        state.withLock { $0.body }.cancel()
    }

    func next() async throws(UpstreamError) -> RPCMessage {
        do throws(UpstreamError) {
            while true {
                let event = try await nextEvent()
                guard let message = try Self.message(of: event, status: status) else { continue }
                guard case .response(let answered, let isError) = message.kind else { return message }
                if let id, answered?.int != id, !(isError && answered?.int == nil) { continue }
                end()
                return message
            }
        } catch {
            end()
            guard isLate.load(ordering: .relaxed) else { throw error }
            throw UpstreamError(.timeout, mayHaveRun: true, detail: "no answer within the call timeout", status: status)
        }
    }

    /// What an event brings; nil if it is for nobody here.
    static func message(of event: SSEEvent, status: Int? = nil) throws(UpstreamError) -> RPCMessage? {
        // Priming events and keep-alives have no data.
        // SPEC: WHATWG HTML §9.2: events of other types are for those who listen for them.
        guard !event.data.isEmpty, event.event == nil || event.event == "message" else { return nil }
        guard let message = try? RPCMessage(JSONDocument.parse(event.data, limits: .upstream)) else {
            throw UpstreamError(.broken, mayHaveRun: true, detail: "an event is no JSON-RPC message", status: status)
        }
        return message
    }

    /// The next event, whatever it is.
    func nextEvent() async throws(UpstreamError) -> SSEEvent {
        while true {
            if let event = state.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }) { return event }
            try await readMore()
        }
    }

    private func end() {
        let deadline = state.withLock { state in
            state.pass = nil
            defer { state.deadline = nil }
            return state.deadline
        }
        deadline?.stop()
        handle?.finish()
    }

    private func readMore() async throws(UpstreamError) {
        let (body, deadline) = state.withLock { ($0.body, $0.deadline) }
        let chunk: [UInt8]?
        do throws(HTTPClientError) { chunk = try await body.next() } catch {
            let failure = UpstreamError(error)
            guard failure.code == .lost, !isLate.load(ordering: .relaxed) else { throw failure }
            return try await goOn(failure)
        }
        guard let chunk else {
            return try await goOn(
                UpstreamError(
                    .lost, mayHaveRun: true, detail: "the event stream ended before the response", status: status))
        }
        deadline?.heard()
        do throws(HTTPError) {
            try state.withLock { state throws(HTTPError) in
                var events: [SSEEvent] = []
                try state.parser.feed(chunk) { events.append($0) }
                if !state.parser.lastEventID.isEmpty { state.lastEventID = state.parser.lastEventID }
                if !events.isEmpty { state.attempts = 0 }
                if let retry = state.parser.lastRetry {
                    state.pause = min(Self.longestPause, .milliseconds(Int64(retry)))
                }
                state.waiting += events
            }
        } catch {
            let code: UpstreamError.Code = error.code == .eventTooLarge ? .tooLarge : .broken
            throw UpstreamError(code, mayHaveRun: true, detail: "\(error)", status: status)
        }
    }

    /// SPEC: 2025-11-25 transports, resumability: after `retry`, by GET with the id of the last event.
    private func goOn(_ why: UpstreamError) async throws(UpstreamError) {
        guard let resume else { throw why }
        while true {
            let (lastEventID, pause, attempt) = state.withLock { state in
                state.attempts += 1
                return (state.lastEventID, state.pause, state.attempts)
            }
            guard !lastEventID.isEmpty, attempt <= Self.maxAttempts, (try? await loop.sleep(pause)) != nil,
                !isLate.load(ordering: .relaxed), !state.withLock({ $0.isCancelled })
            else { throw why }
            guard let body = await resume(lastEventID) else { continue }
            let isCancelled = state.withLock { state in
                state.body = body
                state.parser = SSEParser(maxEvent: maxEvent)
                return state.isCancelled
            }
            if isCancelled { body.cancel() }
            return
        }
    }
}
