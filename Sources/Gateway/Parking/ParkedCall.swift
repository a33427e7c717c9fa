import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

/// A call of a modern client that its legacy server may interrupt with questions. The exchange with the server goes on in a
/// task of its own; one request of the client after the other attends it, each with its own way back, and in between
/// nobody does.
final class ParkedCall: Sendable {
    /// What the attending request is told, in this order.
    enum Word: Sendable {
        /// Something that comes before the answer.
        case notification([UInt8])
        /// The server has asked something.
        case asked
        case answer([UInt8], HTTPStatus)
        /// There will be no answer.
        case silence
        /// Another request attends the call now.
        case replaced

        /// Of a notification, in bytes.
        fileprivate var size: Int { if case .notification(let bytes) = self { bytes.count } else { 0 } }
    }

    /// A question of the server's that the client has not answered.
    struct Ask: Sendable {
        /// Under which the client answers.
        let key: String
        /// The id that the server gave it.
        let id: RequestID
        let kind: InputKind
        let method: String
        let params: [UInt8]?
        let ticket: AskDesk.Ticket
    }

    private struct State {
        var words: [Word] = []
        /// Of the notifications among them.
        var bytes = 0
        var waiter: UnsafeContinuation<Word, Never>?
        /// Counts the requests that have attended.
        var turn = 0
        var isAttended = false
        var asks: [Ask] = []
        var lastKey = 0
        /// Under which a retry finds the call; nil until the server asks something.
        var token: String?
        /// The server's answer, or that there is none, is known.
        var isOver = false
        var isCancelled = false
        var cancelled: (@Sendable () -> Void)?
        /// From the first time that nobody attends: its request's own place is left then, and what it holds is not.
        var place: FairBudget.Place?

        mutating func takeWord() -> Word? {
            guard !words.isEmpty else { return nil }
            let first = words.removeFirst()
            bytes -= first.size
            return first
        }
    }

    /// What waits for an attendant that does not read; more is dropped, as of what comes from the server.
    private static let maxWaiting = Inbox.maxNotifications
    /// An answer that nobody waits for is kept only if it is not longer, in bytes.
    private static let maxKept = 1 << 20

    let session: ClientSession
    private let lot: ParkingLot
    /// Takes room for what the call holds.
    private let room: @Sendable () -> FairBudget.Place?
    private let state = Mutex(State())

    init(_ session: ClientSession, lot: ParkingLot, room: @escaping @Sendable () -> FairBudget.Place? = { nil }) {
        self.session = session
        self.lot = lot
        self.room = room
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    // MARK: The client's requests

    /// A request takes the call over. Returns its turn: 1 for the first.
    func attend() -> Int {
        let (turn, old) = state.withLock { state in
            state.turn += 1
            state.isAttended = true
            defer { state.waiter = nil }
            return (state.turn, state.waiter)
        }
        old?.resume(returning: .replaced)
        return turn
    }

    /// Waits for what comes next.
    func next(_ turn: Int) async -> Word {
        await withUnsafeContinuation { continuation in
            let ready = state.withLock { state -> Word? in
                guard state.turn == turn else { return .replaced }
                if let word = state.takeWord() { return word }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// What the client has to answer, and the token for it. From here on nobody attends, and what is not an answer is
    /// dropped. Nil if nothing is asked any more.
    func leave(_ turn: Int) -> (token: String, asks: [Ask])? {
        state.withLock { state in
            guard state.turn == turn, let token = state.token, !state.asks.isEmpty, !state.isOver else { return nil }
            state.isAttended = false
            (state.words, state.bytes) = ([], 0)
            if state.place == nil { state.place = room() }
            return (token, state.asks)
        }
    }

    /// Ends the call when nobody has come back for it by then.
    func expire(after span: TimeSpan, _ turn: Int, on loop: EventLoop) {
        loop.execute {
            _ = loop.schedule(after: span) { [weak self] in
                guard let self, state.withLock({ $0.turn == turn && !$0.isAttended }) else { return }
                close()
            }
        }
    }

    /// The attending client has gone: that cancels the call.
    func lose(_ turn: Int) {
        if state.withLock({ $0.turn == turn && $0.isAttended }) { close() }
    }

    /// Takes out the asks that the client has answered well, with the answers.
    func take(_ responses: InputResponses) -> [(ask: Ask, result: JSONView)] {
        state.withLock { state in
            var taken: [(Ask, JSONView)] = []
            state.asks.removeAll { ask in
                guard let result = responses[ask.key], ask.kind.isAnswered(by: result) else { return false }
                taken.append((ask, result))
                return true
            }
            return taken
        }
    }

    /// Nobody will come for it any more.
    func forget() {
        if let token = state.withLock({ $0.token }) { lot.remove(token) }
    }

    // MARK: The exchange

    /// Notes a question. False when there is no room for it, or the call is over.
    func ask(_ id: RequestID, _ kind: InputKind, _ method: String, _ params: [UInt8]?, _ ticket: AskDesk.Ticket) -> Bool
    {
        if state.withLock({ $0.token }) == nil {
            guard let token = lot.add(self) else { return false }
            state.withLock { $0.token = token }
        }
        let isNoted = state.withLock { state in
            guard !state.isOver, !state.isCancelled, state.asks.count < InputRequired.maximumRequests else {
                return false
            }
            state.lastKey += 1
            let key = "ask-\(state.lastKey)"
            state.asks.append(Ask(key: key, id: id, kind: kind, method: method, params: params, ticket: ticket))
            return true
        }
        if isNoted { put(.asked) }
        return isNoted
    }

    /// The server takes a question back.
    func withdraw(_ id: RequestID) -> Ask? {
        state.withLock { state in
            state.asks.firstIndex { $0.id == id }.map { state.asks.remove(at: $0) }
        }
    }

    func put(_ word: Word) {
        let waiter = state.withLock { state -> UnsafeContinuation<Word, Never>? in
            switch word {
            case .notification, .asked:
                // Whoever comes next looks for questions first.
                guard state.isAttended else { return nil }
                guard
                    state.words.isEmpty
                        || state.words.count < Self.maxWaiting.count
                            && state.bytes + word.size <= Self.maxWaiting.bytes
                else { return nil }
            case .answer, .silence:
                guard !state.isOver else { return nil }
                state.isOver = true
            case .replaced: return nil
            }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            state.words.append(word)
            state.bytes += word.size
            return nil
        }
        waiter?.resume(returning: word)
    }

    /// The exchange has ended. Returns the questions that nobody has answered.
    func finish() -> [Ask] {
        put(.silence)
        let (asks, isTooLong, place) = state.withLock { state -> ([Ask], Bool, FairBudget.Place?) in
            defer { (state.asks, state.place) = ([], nil) }
            guard !state.isAttended, case .answer(let bytes, _)? = state.words.last else {
                return (state.asks, false, state.place)
            }
            return (state.asks, bytes.count > Self.maxKept, state.place)
        }
        place?.leave()
        if isTooLong { forget() }
        return asks
    }

    /// Says what cancelling means; at once, if it was cancelled already.
    func onCancel(_ body: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.isCancelled { state.cancelled = body }
            return state.isCancelled
        }
        if isLate { body() }
    }

    /// Cancels the exchange; a retry does not find the call any more.
    func close() {
        forget()
        let body = state.withLock { state in
            state.isCancelled = true
            defer { state.cancelled = nil }
            return state.cancelled
        }
        body?()
    }
}

/// What the journey of a parkable call takes for its client.
final class ParkedReply: ReplyChannel {
    private let call: ParkedCall

    init(_ call: ParkedCall) {
        self.call = call
    }

    var isGone: Bool { call.isCancelled }
    func onGone(_ body: @escaping @Sendable () -> Void) { call.onCancel(body) }
    func notify(_ message: [UInt8]) async { call.put(.notification(message)) }
    func answer(_ message: [UInt8], status: HTTPStatus) async { call.put(.answer(message, status)) }
    func answer(_ message: [UInt8], session: String) { call.put(.answer(message, .ok)) }
    func silence() { call.put(.silence) }
    func accepted() { call.put(.silence) }
    func refuse(_ refusal: Refusal) { call.put(.silence) }
}
