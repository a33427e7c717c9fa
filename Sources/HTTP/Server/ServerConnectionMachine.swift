/// The logic of one server connection: what is read, asked, answered and closed, in which order. Pure: bytes go in,
/// actions come out; the shell does them and says when a response is over.
///
/// One request is in work at a time. What a pipelining client sent behind it stays with the shell, unread and bounded,
/// until its answer is complete: so answers keep their order, and a fast client waits.
package struct ServerConnectionMachine {
    /// What the shell has to do next.
    package enum Action {
        /// Read on; all input is used up.
        case needMore
        /// Ask the service about this head, then call `accept(maxBody:)` or `refuse()`, then `next` again.
        case admit(RequestHead)
        /// Send "100 Continue", then call `next` again.
        case sendContinue
        /// Serve this request; call `responseStarted()` and `responseEnded()`. No `next` until then.
        case serve(RequestHead, body: [UInt8])
        /// Answer with this problem, then close: nothing after it can be trusted.
        case answerAndClose(HTTPProblem)
        /// A response is under way: keep the input, bounded.
        case wait
        /// The connection is over: flush and close.
        case close
    }

    /// Which clock runs.
    package enum Deadline: Sendable, Equatable {
        /// None: the service is at work.
        case none
        /// Before the first byte of a request.
        case idle
        /// Inside a head.
        case head
        /// Inside a body.
        case body
    }

    private enum State {
        case reading
        case deciding, body, dropping, serving
        case closed
    }

    /// A refused request's declared body is read and dropped up to this size; beyond, closing is cheaper.
    private static let maxDropped = 64 * 1024
    /// What is set aside for a declared body before its bytes come.
    private static let maxReserved = 256 * 1024

    private var state = State.reading
    /// The head of the request that is decided on or read. While it is served the service has it: a stream may go on for
    /// days.
    private var head: RequestHead?
    /// Whether the method of the request in work is HEAD: its response has no body.
    package private(set) var isHeadRequest = false
    /// Whether the request in work can take chunks.
    package private(set) var takesChunks = false
    /// Whether "100 Continue" is still owed.
    private var owesContinue = false
    private var parser: RequestParser
    private var collected: [UInt8] = []
    private var keepAlive = true
    private(set) var isDraining = false

    /// A machine for a fresh connection.
    package init(limits: HTTPLimits = HTTPLimits()) { parser = RequestParser(limits: limits) }

    /// Which clock runs now.
    package var deadline: Deadline {
        switch state {
        case .reading: parser.isInsideHead ? .head : .idle
        case .body, .dropping: .body
        case .deciding, .serving, .closed: .none
        }
    }

    /// Bytes of the body that is being collected, so far.
    package var collectedBytes: Int { collected.count }

    /// Whether a request is with the service.
    package var isServing: Bool {
        state == .serving
    }

    /// Reads on from `offset`, which moves behind what was used.
    package mutating func next(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Action {
        while true {
            switch state {
            case .closed: return .close
            case .serving: return .wait
            case .deciding: preconditionFailure("BUG: next before accept or refuse")
            case .body where owesContinue:
                owesContinue = false
                // SPEC: RFC 9110 §10.1.1: none if the content is already coming.
                if offset == input.count { return .sendContinue }
            case .reading, .body, .dropping: break
            }
            switch parser.next(input, &offset) {
            case .needMore: return .needMore
            case .failed(let problem): return fail(problem)
            case .head(let head):
                keepAlive = head.keepAlive
                self.head = head
                isHeadRequest = head.method == .head
                takesChunks = head.version == .http11
                state = .deciding
                return .admit(head)
            case .body(let range): take(input, range)
            case .end:
                if state == .body, let head {
                    state = .serving
                    let body = collected
                    collected = []
                    self.head = nil
                    return .serve(head, body: body)
                }
                forgetRequest()
                state = isDraining ? .closed : .reading
            }
        }
    }

    private mutating func take(_ input: UnsafeRawBufferPointer, _ range: Range<Int>) {
        switch state {
        case .body:
            if collected.isEmpty {
                if case .length(let count)? = head?.bodyLength, count > range.count {
                    collected.reserveCapacity(min(count, Self.maxReserved))
                }
            }
            collected.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[range]))
        default: break
        }
    }

    /// The service lets the body come. If the declared length is above `maxBody`, what `next` gives is the refusal.
    package mutating func accept(maxBody: Int) {
        guard state == .deciding, let head else { preconditionFailure("BUG: accept without a head") }
        owesContinue = parser.acceptBody(limit: maxBody) == nil && head.expectsContinue
        state = .body
    }

    /// The service refuses; the shell answers now, with "Connection: close" if the result is true.
    package mutating func refuse() -> Bool {
        guard state == .deciding, let head else { preconditionFailure("BUG: refuse without a head") }
        // A client that waits for 100 may send its body or not: only closing is unambiguous.
        let mayGoOn: Bool
        switch head.bodyLength {
        case .none: mayGoOn = true
        case .length(let count): mayGoOn = count <= Self.maxDropped && !head.expectsContinue
        case .chunked, .untilClose: mayGoOn = false
        }
        guard keepAlive, mayGoOn, !isDraining, parser.acceptBody(limit: Self.maxDropped) == nil else {
            state = .closed
            return true
        }
        state = .dropping
        return false
    }

    /// The head of a response goes out. True: it has to say "Connection: close".
    package mutating func responseStarted() -> Bool {
        if isDraining { keepAlive = false }
        return !keepAlive
    }

    /// The response goes on for as long as the client stays: what was kept for its next request goes.
    package mutating func becomesStream() { parser.forget() }

    /// The response has no length but the connection's end (a stream to an HTTP/1.0 client).
    package mutating func endsByClosing() { keepAlive = false }

    /// The response is complete. Then `next` gives the following request, or `close`.
    package mutating func responseEnded() {
        guard state == .serving else { return }
        forgetRequest()
        state = keepAlive && !isDraining ? .reading : .closed
    }

    private mutating func forgetRequest() {
        head = nil
        isHeadRequest = false
        takesChunks = false
    }

    /// Lets no further request begin. True if nothing is in work and the connection can be closed now.
    package mutating func drain() -> Bool {
        isDraining = true
        switch state {
        case .reading where !parser.isInsideHead: state = .closed
        case .closed: break
        default: return false
        }
        return true
    }

    /// The body that is being read is given up.
    package mutating func dropBody() {
        collected = []
        state = .closed
    }

    /// A clock ran out. The problem to answer with, or nil if the connection is just closed.
    package mutating func timedOut() -> HTTPProblem? {
        defer { state = .closed }
        switch state {
        case .reading: return parser.isInsideHead ? .headTimeout : nil
        case .body: return .bodyTimeout
        // A request whose body is dropped has its answer already.
        case .dropping, .deciding, .serving, .closed: return nil
        }
    }

    private mutating func fail(_ problem: HTTPProblem) -> Action {
        defer { state = .closed }
        if state == .dropping { return .close }
        return .answerAndClose(problem)
    }
}
