import Base
import JSON
import MCP
import Synchronization

/// The tasks that one session's calls have started, and what the gateway has to remember of each. Nobody else can ask after
/// them: a session's book is the only place where a task's id is looked up.
final class TaskBook: Sendable {
    /// A call that its server finished at once although the client had asked for a task: the gateway keeps the result under a
    /// task of its own, which is over from the start.
    struct Kept: Sendable {
        /// The task in the core's words, an object.
        let task: [UInt8]
        /// The result of the call, with the task's name in `_meta`.
        let result: [UInt8]
        let until: Instant
    }

    private struct Entry {
        /// Older tasks have smaller ones.
        let number: UInt64
        var isOver = false
        var kept: Kept?
        /// The token under which its server tells of progress.
        var token: Int64?
        var questions: TaskQuestions?
        /// What the policy has said of what the server asks, by question.
        var verdicts: [String: Bool] = [:]
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var count: UInt64 = 0
        var keptBytes = 0
        /// What clients call progress, by what the server calls it: a task goes on after its call was answered.
        var tokens: [Int64: [UInt8]] = [:]
        var isClosed = false
    }

    static let maxTasks = 1_000
    private static let maxKeptBytes = 4 << 20
    private static let maxQuestions = 256
    /// The longest id of a task, in bytes.
    private static let maxID = 1_024

    private let state = Mutex(State())

    var isEmpty: Bool { state.withLock { $0.entries.isEmpty } }

    // MARK: Whose they are

    func owns(_ task: String) -> Bool { state.withLock { $0.entries[task] != nil } }

    /// A call has started it. A full book forgets what is over first, and the oldest of those.
    /// - Parameter token: of the call upstream.
    func began(_ task: String, token: Int64? = nil) {
        state.withLock { state in
            guard !state.isClosed, task.utf8.count <= Self.maxID else {
                if let token { state.tokens[token] = nil }
                return
            }
            Self.makeRoom(in: &state)
            state.count += 1
            state.entries[task] = Entry(number: state.count, token: token)
        }
    }

    func ended(_ task: String) {
        state.withLock { state in
            state.entries[task]?.isOver = true
            if let token = state.entries[task]?.token { state.tokens[token] = nil }
        }
    }

    private static func makeRoom(in state: inout State) {
        guard state.entries.count >= maxTasks else { return }
        let oldest = state.entries.min { a, b in
            (a.value.isOver ? 0 : 1, a.value.number) < (b.value.isOver ? 0 : 1, b.value.number)
        }
        if let oldest { remove(oldest.key, from: &state) }
    }

    private static func remove(_ task: String, from state: inout State) {
        guard let gone = state.entries.removeValue(forKey: task) else { return }
        if let token = gone.token { state.tokens[token] = nil }
        if let kept = gone.kept { state.keptBytes -= kept.result.count }
        gone.questions?.drop()
    }

    // MARK: Progress

    /// A call may become a task, and tell of progress before that is known here.
    func expect(progress upstream: Int64, as client: [UInt8]) {
        state.withLock { state in
            guard !state.isClosed, state.tokens.count < 2 * Self.maxTasks else { return }
            state.tokens[upstream] = client
        }
    }

    /// The call did not become a task.
    func forget(progress upstream: Int64) { state.withLock { _ = $0.tokens.removeValue(forKey: upstream) } }

    /// The client's token for progress of one of its tasks.
    func clientToken(for upstream: Int64) -> [UInt8]? { state.withLock { $0.tokens[upstream] } }

    // MARK: Results of our own tasks

    /// False when there is no room for it; then the client has to be given the result itself.
    func keep(_ kept: Kept, as task: String, now: Instant) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            for (id, entry) in state.entries {
                if let old = entry.kept, old.until <= now { Self.remove(id, from: &state) }
            }
            guard state.keptBytes + kept.result.count <= Self.maxKeptBytes else { return false }
            Self.makeRoom(in: &state)
            state.count += 1
            state.keptBytes += kept.result.count
            state.entries[task] = Entry(number: state.count, isOver: true, kept: kept)
            return true
        }
    }

    /// Nil if the task is its server's, or is forgotten.
    func kept(_ task: String, now: Instant) -> Kept? {
        state.withLock { state in
            guard let kept = state.entries[task]?.kept else { return nil }
            guard kept.until > now else {
                Self.remove(task, from: &state)
                return nil
            }
            return kept
        }
    }

    // MARK: What servers ask in the course of a task

    /// What the policy has said of a question: a state that is asked for again is not judged again.
    func verdict(on question: String, of task: String) -> Bool? {
        state.withLock { $0.entries[task]?.verdicts[question] }
    }

    /// False when a task asks too much.
    func note(_ verdict: Bool, on question: String, of task: String) -> Bool {
        state.withLock { state in
            guard let known = state.entries[task]?.verdicts, known[question] != nil || known.count < Self.maxQuestions
            else { return false }
            state.entries[task]?.verdicts[question] = verdict
            return true
        }
    }

    /// The questions of a legacy server's task: these, or those that were there before. Nil if the task is not ours.
    func questions(of task: String, _ make: () -> TaskQuestions) -> TaskQuestions? {
        state.withLock { state in
            guard let entry = state.entries[task] else { return nil }
            if let known = entry.questions { return known }
            let fresh = make()
            state.entries[task]?.questions = fresh
            return fresh
        }
    }

    func questions(of task: String) -> TaskQuestions? { state.withLock { $0.entries[task]?.questions } }

    /// The session is over: nobody will answer any more.
    func close() {
        let all = state.withLock { state in
            state.isClosed = true
            defer { (state.entries, state.tokens) = ([:], [:]) }
            return state.entries.values.compactMap(\.questions)
        }
        for questions in all { questions.drop() }
    }
}

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

    /// What is asked now, as `inputRequests`; nil if it is nothing.
    var inputRequests: [UInt8]? {
        let open = open
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
