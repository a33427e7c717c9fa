import JSON
import MCP
import Synchronization

/// What a legacy server asks in the course of a task, on the answer to `tasks/result`, for a modern client that answers by
/// `tasks/update`.
final class TaskQuestions: Sendable {
    struct Question: Sendable {
        /// Under which the client answers.
        let key: String
        /// The id that the server gave it.
        let id: RequestID
        let kind: InputKind
        let method: String
        let params: [UInt8]?
        /// Told how it ended: the answer, or nil if there will be none.
        let ended: @Sendable (RPCMessage?) -> Void
    }

    private struct State {
        var open: [Question] = []
        var lastKey = 0
        var isListening = false
        var isDropped = false
    }

    private let state = Mutex(State())
    /// Ends the wait upstream.
    let handle = CallHandle()

    var open: [Question] { state.withLock { $0.open } }

    /// True for the one who has to wait for what the server asks; then `isDone()` ends it.
    func begin() -> Bool {
        state.withLock { state in
            guard !state.isListening, !state.isDropped else { return false }
            state.isListening = true
            return true
        }
    }

    func isDone() { state.withLock { $0.isListening = false } }

    /// False when there is no room.
    func add(
        _ id: RequestID, _ kind: InputKind, _ method: String, _ params: [UInt8]?,
        ended: @escaping @Sendable (RPCMessage?) -> Void
    ) -> Bool {
        state.withLock { state in
            guard !state.isDropped, state.open.count < InputRequired.maximumRequests else { return false }
            state.lastKey += 1
            let key = "ask-\(state.lastKey)"
            state.open.append(
                Question(key: key, id: id, kind: kind, method: method, params: params, ended: ended))
            return true
        }
    }

    /// Takes out what the client has answered well, with the answers.
    func take(_ responses: InputResponses) -> [(question: Question, result: JSONView)] {
        state.withLock { state in
            var taken: [(Question, JSONView)] = []
            state.open.removeAll { question in
                guard let result = responses[question.key], question.kind.isAnswered(by: result) else { return false }
                taken.append((question, result))
                return true
            }
            return taken
        }
    }

    /// The server takes a question back.
    func withdraw(_ id: RequestID) {
        let gone = state.withLock { state in
            state.open.firstIndex { $0.id == id }.map { state.open.remove(at: $0) }
        }
        gone?.ended(nil)
    }

    /// Nobody will answer any more.
    func drop() {
        let open = state.withLock { state in
            state.isDropped = true
            defer { state.open = [] }
            return state.open
        }
        handle.cancel()
        for question in open { question.ended(nil) }
    }

    /// What is asked now of a client with these capabilities, as `inputRequests`; nil if it is nothing. Another one of the
    /// same grant may be able to answer the rest.
    func inputRequests(for capabilities: JSONView) -> [UInt8]? {
        let open = open.filter { $0.kind.isDeclared(in: capabilities) }
        guard !open.isEmpty else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        for question in open {
            writer.key(question.key)
            writer.beginObject()
            writer.member("method", question.method)
            if let params = question.params {
                writer.key("params")
                writer.raw(params)
            }
            writer.endObject()
        }
        writer.endObject()
        return writer.bytes
    }
}
