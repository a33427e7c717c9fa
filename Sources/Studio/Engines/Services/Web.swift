import Base
import HTTP
import Runtime

/// HTTP for engines and fetched pictures: the program's one client, with a call's cancellation and a deadline on each
/// exchange. Used on the client's loop.
struct Web: Sendable {
    let client: HTTPClient
    let loop: EventLoop

    /// Why an exchange came to nothing.
    enum Failure: Error, Sendable {
        case cancelled
        case late
        /// The time was up before anything was sent.
        case overdue
        case failed(HTTPClientError)

        /// Whether the other side has certainly not acted.
        var isNotSent: Bool {
            switch self {
            case .overdue: true
            case .failed(let error): error.fate == .notSent
            case .cancelled, .late: false
            }
        }

        /// Whether the time was up.
        var isLate: Bool {
            switch self {
            case .late, .overdue: true
            case .cancelled, .failed: false
            }
        }
    }

    /// The monotonic time `span` from now.
    func moment(after span: TimeSpan) -> TimeSpan {
        TimeSpan(microseconds: loop.now.microseconds &+ span.microseconds)
    }

    /// Why nothing was heard of `what`, with what is known of the service that was asked.
    static func error(_ failure: Failure, _ what: String, _ facts: ServiceFacts? = nil) -> StudioError {
        switch failure {
        case .cancelled: return StudioError(.cancelled, "the call was cancelled")
        case .late: return StudioError(.timeout, "\(what) did not come in time", service: facts)
        case .overdue:
            return StudioError(.timeout, "the call's time was up before \(what) could be asked for", service: facts)
        case .failed(let error):
            switch error.code {
            case .bodyTooLarge, .malformedResponse:
                return StudioError(.serviceFailed, "\(what) can't be read: \(error.detail)", service: facts)
            default:
                return StudioError(.serviceUnreachable, "\(what) can't be had: \(error.detail)", service: facts)
            }
        }
    }

    /// Sends a request and collects the answer.
    /// - Parameter deadline: monotonic time.
    func send(
        _ request: ClientRequest, until deadline: TimeSpan, _ call: CallContext
    ) async throws(Failure) -> ClientResponse {
        let guardian = try Guardian(self, deadline, call)
        defer { guardian.end() }
        do throws(HTTPClientError) {
            return try await client.send(guardian.bounded(request), cancel: guardian.cancel)
        } catch {
            throw guardian.meaning(of: error)
        }
    }

    /// Sends a request and hands over the answer's body part by part; `head` may refuse it before any of it is read.
    /// - Parameter failure: what to say when nothing more comes.
    func stream(
        _ request: ClientRequest, until deadline: TimeSpan, _ call: CallContext,
        failure: (Failure) -> StudioError,
        head: (ResponseHead) throws(StudioError) -> Void,
        part: ([UInt8]) async throws(StudioError) -> Void
    ) async throws(StudioError) {
        let guardian: Guardian
        do throws(Failure) { guardian = try Guardian(self, deadline, call) } catch {
            throw failure(error)
        }
        defer { guardian.end() }
        let stream: ClientStream
        do throws(HTTPClientError) {
            stream = try await client.stream(guardian.bounded(request), cancel: guardian.cancel)
        } catch { throw failure(guardian.meaning(of: error)) }
        do throws(StudioError) {
            try head(stream.head)
            while true {
                let bytes: [UInt8]?
                do throws(HTTPClientError) {
                    bytes = try await stream.next()
                } catch { throw failure(guardian.meaning(of: error)) }
                guard let bytes else { return }
                try await part(bytes)
            }
        } catch {
            stream.cancel()
            throw error
        }
    }

    /// What one attempt came to.
    enum Attempt<Value: Sendable>: Sendable {
        case done(Value)
        case refused(StudioError)
        /// It failed of something that passes.
        case again(StudioError)
    }

    /// Tries until it is done or refused, `options.retries` times more at most, and waits between: longer each time, and as
    /// long as the service asks for.
    func repeating<Value: Sendable>(
        _ options: ServiceOptions, until deadline: TimeSpan, _ call: CallContext,
        _ attempt: () async -> Attempt<Value>
    ) async throws(StudioError) -> Value {
        var failures = 0
        while true {
            switch await attempt() {
            case .done(let value): return value
            case .refused(let error): throw error
            case .again(let error):
                let asked = TimeSpan.seconds(Int64(error.service?.retryAfter ?? 0))
                let wait = max(options.backoff(failures), asked)
                failures += 1
                guard failures <= options.retries, moment(after: wait) < deadline else { throw error }
                try await pause(wait, until: deadline, call)
            }
        }
    }

    /// Waits, but no longer than the deadline; a cancelled call wakes at once.
    func pause(_ span: TimeSpan, until deadline: TimeSpan, _ call: CallContext) async throws(StudioError) {
        try call.checkCancelled()
        let left = TimeSpan(microseconds: max(0, deadline.microseconds - loop.now.microseconds))
        let end = EndSignal()
        let timer = loop.schedule(after: min(span, left)) { end.fire() }
        let watch = call.onCancel { end.fire() }
        await end.wait()
        timer.cancel()
        call.forget(watch)
        try call.checkCancelled()
    }

    /// Ends one exchange when its call is cancelled or its time is up.
    // SAFETY: used on the loop's thread only, as the client is.
    private final class Guardian: @unchecked Sendable {
        let cancel = ClientCancel()
        private let call: CallContext
        private let left: TimeSpan
        private var timer: LoopTimer?
        private var watch = 0
        private var isLate = false

        init(_ web: Web, _ deadline: TimeSpan, _ call: CallContext) throws(Failure) {
            self.call = call
            left = TimeSpan(microseconds: deadline.microseconds - web.loop.now.microseconds)
            if call.isCancelled { throw .cancelled }
            guard left > .zero else { throw .overdue }
            let cancel = cancel
            let loop = web.loop
            timer = loop.schedule(after: left) { [weak self] in
                self?.isLate = true
                cancel.cancel()
            }
            watch = call.onCancel { loop.execute { cancel.cancel() } }
        }

        /// The client's own limits would end long work at a service before its time.
        func bounded(_ request: ClientRequest) -> ClientRequest {
            var request = request
            request.headTimeout = min(request.headTimeout ?? left, left)
            return request
        }

        func meaning(of error: HTTPClientError) -> Failure {
            if call.isCancelled { return .cancelled }
            return isLate ? .late : .failed(error)
        }

        func end() {
            timer?.cancel()
            call.forget(watch)
        }
    }
}
