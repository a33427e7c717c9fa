import Synchronization

/// A context that is made of files, and made anew when they change: looked at before each new connection, read on a
/// thread of its own. Any thread.
final class TLSContextSource: Sendable {
    /// What became of files that had changed.
    enum Reload: Sendable {
        case reloaded(TLSContext)
        case kept(RuntimeError)
    }

    typealias Answer = @Sendable (Result<TLSContext, RuntimeError>) -> Void

    private struct State {
        var context: TLSContext?
        /// What the files were when they were last read, for better or worse.
        var marks: [FileMark?] = []
        var isLoading = false
        var waiting: [(loop: EventLoop, answer: Answer)] = []
    }

    private let paths: [String]
    private let make: @Sendable () throws(RuntimeError) -> TLSContext
    private let told: @Sendable (Reload) -> Void
    private let state = Mutex(State())

    init(
        paths: [String], told: @escaping @Sendable (Reload) -> Void,
        make: @escaping @Sendable () throws(RuntimeError) -> TLSContext
    ) {
        self.paths = paths
        self.told = told
        self.make = make
    }

    /// Reads the files now, on the caller's thread: for the start of a program, where waiting does no harm.
    @discardableResult
    func load() throws(RuntimeError) -> TLSContext {
        let marks = paths.map { FileMark($0) }
        let context = try make()
        state.withLock {
            $0.context = context
            $0.marks = marks
        }
        return context
    }

    /// Gives the context of the files as they are now: at once if they have not changed, else when they were read.
    /// `answer` is called on `loop`, whose thread the caller is on.
    // COST: one stat per file and connection, under 2 µs; a handshake takes a hundred times as long.
    func current(on loop: EventLoop, _ answer: @escaping Answer) {
        let marks = paths.map { FileMark($0) }
        let (context, starts) = state.withLock { state -> (TLSContext?, Bool) in
            if let context = state.context, state.marks == marks { return (context, false) }
            state.waiting.append((loop, answer))
            defer { state.isLoading = true }
            return (nil, !state.isLoading)
        }
        if let context { return answer(.success(context)) }
        guard starts else { return }
        do throws(RuntimeError) {
            try startThread(name: "tls-files") { self.reload() }
        } catch {
            settle(marks, .failure(error))
        }
    }

    private func reload() {
        let marks = paths.map { FileMark($0) }
        let result: Result<TLSContext, RuntimeError>
        do throws(RuntimeError) { result = .success(try make()) } catch { result = .failure(error) }
        settle(marks, result)
    }

    private func settle(_ marks: [FileMark?], _ result: Result<TLSContext, RuntimeError>) {
        let (old, waiting) = state.withLock { state in
            let (old, waiting) = (state.context, state.waiting)
            state.isLoading = false
            state.waiting = []
            state.marks = marks
            if case .success(let context) = result { state.context = context }
            return (old, waiting)
        }
        var answer = result
        switch result {
        case .success(let context): if old != nil { told(.reloaded(context)) }
        case .failure(let error):
            guard let old else { break }
            // What worked goes on working: half-written files must not take the service down.
            told(.kept(error))
            answer = .success(old)
        }
        for waiter in waiting {
            let answer = answer
            waiter.loop.execute { waiter.answer(answer) }
        }
    }
}
