/// The logic of one client connection, one exchange after another. Pure: bytes and events go in, actions come out.
package struct ClientConnectionMachine {
    /// Which responses are collected.
    package enum Collecting: Sendable {
        /// All.
        case always
        /// All but `text/event-stream`.
        case unlessEventStream
        /// None.
        case never
    }

    /// What the shell has to do next.
    package enum Action {
        /// Read on.
        case needMore
        /// The response is complete and collected. Keep the connection if `reusable`, else close it.
        case complete(ResponseHead, body: [UInt8], reusable: Bool)
        /// The response is a stream: hand out its head; `data` follows.
        case stream(ResponseHead)
        /// These bytes of the input belong to the stream.
        case data(Range<Int>)
        /// The stream is complete.
        case streamEnded(reusable: Bool)
        /// The exchange failed; close the connection.
        case failed(Failure)
        /// The server said something unasked: close the connection.
        case close
    }

    /// Why an exchange failed, and what that means for the request.
    package struct Failure: Sendable, Equatable {
        package let code: HTTPClientError.Code
        package let fate: HTTPClientError.Fate
        /// Whether to send it again, on a fresh connection, does no harm.
        package let mayRetry: Bool
        package let detail: String
    }

    private enum State {
        case idle, waiting, collecting(ResponseHead), streaming(ResponseHead), closed
    }

    private var state = State.idle
    private var parser: ResponseParser
    private var collected: [UInt8] = []
    private var collecting = Collecting.always
    private var maxBody = 0
    private var isReused = false
    private var isReplaySafe = false
    private var isSent = false
    private var hasAnswerBytes = false

    /// A machine for a new connection.
    package init(limits: HTTPLimits = HTTPLimits()) { parser = ResponseParser(limits: limits) }

    /// Whether an exchange is under way.
    package var isBusy: Bool {
        switch state {
        case .idle, .closed: false
        case .waiting, .collecting, .streaming: true
        }
    }

    /// Whether the head has come.
    package var hasHead: Bool {
        switch state {
        case .collecting, .streaming: true
        case .idle, .waiting, .closed: false
        }
    }

    /// A request is about to be sent. `isReused`: the connection had served another before. `isReplaySafe`: the request
    /// may reach the server twice without harm.
    package mutating func begin(
        _ method: HTTPMethod, collecting: Collecting, maxBody: Int, isReused: Bool, isReplaySafe: Bool
    ) {
        parser.expect(method)
        state = .waiting
        self.collecting = collecting
        self.maxBody = maxBody
        self.isReused = isReused
        self.isReplaySafe = isReplaySafe
        isSent = false
        hasAnswerBytes = false
    }

    /// The kernel has taken at least a part of the request.
    package mutating func requestSent() { isSent = true }

    /// Reads on from `offset`, which moves behind what was used.
    package mutating func next(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Action {
        if offset < input.count { hasAnswerBytes = true }
        while true {
            switch state {
            case .closed: return .needMore
            case .idle:
                guard offset < input.count else { return .needMore }
                state = .closed
                return .close
            case .waiting, .collecting, .streaming: break
            }
            switch parser.next(input, &offset) {
            case .needMore: return .needMore
            case .failed(let problem):
                return .failed(fail(.malformedResponse, "the server's answer is malformed: \(problem.detail)"))
            case .head(let head):
                if streams(head) {
                    state = .streaming(head)
                    return .stream(head)
                }
                if case .length(let count) = head.bodyLength {
                    guard count <= maxBody else { return .failed(tooLarge()) }
                    collected.reserveCapacity(min(count, 256 * 1024))
                }
                state = .collecting(head)
            case .body(let range):
                guard case .collecting = state else { return .data(range) }
                guard collected.count + range.count <= maxBody else { return .failed(tooLarge()) }
                collected.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[range]))
            case .end: return ended(extra: offset < input.count)
            }
        }
    }

    private func streams(_ head: ResponseHead) -> Bool {
        switch collecting {
        case .always: return false
        case .never: return true
        case .unlessEventStream:
            guard let text = head.fields[.contentType] else { return false }
            return MediaType(text)?.matches("text/event-stream") ?? false
        }
    }

    /// `extra`: bytes follow the response, which nobody asked for; the connection cannot be used again.
    private mutating func ended(extra: Bool) -> Action {
        defer {
            state = .idle
            collected = []
        }
        switch state {
        case .collecting(let head):
            return .complete(head, body: collected, reusable: head.keepAlive && !extra)
        case .streaming(let head): return .streamEnded(reusable: head.keepAlive && !extra)
        case .idle, .waiting, .closed: return .close
        }
    }

    /// The server ended its side.
    package mutating func inputEnded() -> Action {
        guard isBusy else {
            state = .closed
            return .close
        }
        if parser.inputEnded() { return ended(extra: false) }
        return .failed(lost(.connectionLost, "the server closed the connection before its answer was complete"))
    }

    /// The exchange cannot go on: the connection broke, a clock ran out, the caller cancelled.
    package mutating func lost(_ code: HTTPClientError.Code, _ detail: String) -> Failure {
        let failure = fail(code, detail)
        let isUntouched = code == .connectionLost && isReused && !hasAnswerBytes
        return Failure(
            code: code, fate: failure.fate, mayRetry: isUntouched && (!isSent || isReplaySafe), detail: detail)
    }

    private mutating func tooLarge() -> Failure { fail(.bodyTooLarge, "the answer is over \(maxBody) bytes") }

    private mutating func fail(_ code: HTTPClientError.Code, _ detail: String) -> Failure {
        state = .closed
        collected = []
        return Failure(code: code, fate: isSent ? .fateUnknown : .notSent, mayRetry: false, detail: detail)
    }
}
