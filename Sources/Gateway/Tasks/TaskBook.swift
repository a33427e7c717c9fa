import Base
import HTTP
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

        /// What keeping it costs, in bytes.
        var size: Int { task.count + result.count + 512 }
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
        /// Requests that wait for the end of a task.
        var waits = 0
        /// Questions that nobody will answer any more, and that have still to be told so.
        var dropped: [TaskQuestions] = []
        /// What clients call progress, by what the server calls it: a task goes on after its call was answered.
        var tokens: [Int64: [UInt8]] = [:]
        var isClosed = false
    }

    static let maxTasks = 1_000
    private static let maxKeptBytes = 4 << 20
    private static let maxQuestions = 256
    /// Requests of one session that wait for the end of a task at once. They take no place of their server's calls.
    static let maxWaits = 256
    /// The longest id of a task, in bytes.
    private static let maxID = 1_024

    private let state = Mutex(State())
    private let budget: FairBudget.Share?

    /// - Parameter budget: what all sessions may keep together.
    init(budget: FairBudget.Share? = nil) {
        self.budget = budget
    }

    deinit {
        let held = state.withLock { $0.keptBytes }
        if held > 0 { budget?.give(held) }
    }

    var isEmpty: Bool { state.withLock { $0.entries.isEmpty } }

    /// Questions are dropped when the lock is free again: that may lead back here.
    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, dropped) = state.withLock { state in
            let result = body(&state)
            defer { state.dropped = [] }
            return (result, state.dropped)
        }
        for questions in dropped { questions.drop() }
        return result
    }

    // MARK: Whose they are

    func owns(_ task: String) -> Bool { state.withLock { $0.entries[task] != nil } }

    /// A call has started it. A full book forgets what is over first, and the oldest of those.
    /// - Parameter token: of the call upstream.
    func began(_ task: String, token: Int64? = nil) {
        change { state in
            guard !state.isClosed, task.utf8.count <= Self.maxID else {
                if let token { state.tokens[token] = nil }
                return
            }
            // A server may give a name twice: what was known under it is over.
            remove(task, from: &state)
            makeRoom(in: &state)
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

    private func makeRoom(in state: inout State) {
        guard state.entries.count >= Self.maxTasks else { return }
        let oldest = state.entries.min { a, b in
            (a.value.isOver ? 0 : 1, a.value.number) < (b.value.isOver ? 0 : 1, b.value.number)
        }
        if let oldest { remove(oldest.key, from: &state) }
    }

    private func remove(_ task: String, from state: inout State) {
        guard let gone = state.entries.removeValue(forKey: task) else { return }
        if let token = gone.token { state.tokens[token] = nil }
        if let kept = gone.kept {
            state.keptBytes -= kept.size
            budget?.give(kept.size)
        }
        if let questions = gone.questions { state.dropped.append(questions) }
    }

    // MARK: Waiting for their end

    /// False when too many wait already.
    func beginWait() -> Bool {
        state.withLock { state in
            guard state.waits < Self.maxWaits else { return false }
            state.waits += 1
            return true
        }
    }

    func endWait() { state.withLock { $0.waits -= 1 } }

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
        change { state in
            guard !state.isClosed else { return false }
            forgetExpired(now, in: &state)
            guard state.keptBytes + kept.size <= Self.maxKeptBytes, budget?.take(kept.size) != false else {
                return false
            }
            remove(task, from: &state)
            makeRoom(in: &state)
            state.count += 1
            state.keptBytes += kept.size
            state.entries[task] = Entry(number: state.count, isOver: true, kept: kept)
            return true
        }
    }

    /// Gives back what is kept of tasks whose time is over.
    func forgetExpired(now: Instant) { change { forgetExpired(now, in: &$0) } }

    private func forgetExpired(_ now: Instant, in state: inout State) {
        guard state.keptBytes > 0 else { return }
        for (id, entry) in state.entries {
            if let old = entry.kept, old.until <= now { remove(id, from: &state) }
        }
    }

    /// Nil if the task is its server's, or is forgotten.
    func kept(_ task: String, now: Instant) -> Kept? {
        change { state in
            guard let kept = state.entries[task]?.kept else { return nil }
            guard kept.until > now else {
                remove(task, from: &state)
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
        change { state in
            state.isClosed = true
            for task in Array(state.entries.keys) { remove(task, from: &state) }
            state.tokens = [:]
        }
    }
}
