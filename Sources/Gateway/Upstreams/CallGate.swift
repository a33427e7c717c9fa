import Base
import Runtime
import Synchronization

/// How many calls of one server may be under way at once, and how many may wait for their turn. Without a limit it only
/// counts them.
final class CallGate: Sendable {
    private struct Waiter {
        let number: Int
        let continuation: UnsafeContinuation<Result<GatePass, UpstreamError>, Never>
    }

    private struct State {
        var inside = 0
        var waiting: [Waiter] = []
        var lastNumber = 0
    }

    private let limit: Int?
    // COST: where there is no limit, a call takes no lock.
    private let unlimited = Atomic<Int>(0)
    private let queue: Int
    private let patience: TimeSpan
    private let state = Mutex(State())

    /// - Parameter patience: how long a call may wait for its turn.
    init(limit: Int?, queue: Int, patience: TimeSpan) {
        self.limit = limit
        self.queue = queue
        self.patience = patience
    }

    /// A place that needs no waiting; nil where places are counted, and `enter` has to be asked.
    func enterAtOnce() -> GatePass? {
        limit == nil ? uncounted() : nil
    }

    private func uncounted() -> GatePass {
        unlimited.add(1, ordering: .relaxed)
        return GatePass(self)
    }

    /// Waits for a place.
    /// - Throws: `overloaded` when too many wait already, or the wait is too long; `cancelled`.
    func enter(_ handle: CallHandle, on loop: EventLoop) async throws(UpstreamError) -> GatePass {
        guard let limit else { return uncounted() }
        let number = state.withLock { state -> Int? in
            guard state.inside >= limit || !state.waiting.isEmpty else {
                state.inside += 1
                return nil
            }
            state.lastNumber += 1
            return state.lastNumber
        }
        guard let number else { return GatePass(self) }
        let timer = SilenceTimer(patience, on: loop) { [weak self] in
            self?.leaveQueue(
                number, UpstreamError(.overloaded, mayHaveRun: false, detail: "no turn within the call timeout"))
        }
        defer { timer.stop() }
        let result = await withUnsafeContinuation { continuation in
            let refused = state.withLock { state -> Result<GatePass, UpstreamError>? in
                if state.inside < limit {
                    state.inside += 1
                    return .success(GatePass(self))
                }
                guard state.waiting.count < queue else {
                    let text = "\(limit) calls are under way and \(queue) wait already"
                    return .failure(UpstreamError(.overloaded, mayHaveRun: false, detail: text))
                }
                state.waiting.append(Waiter(number: number, continuation: continuation))
                return nil
            }
            if let refused { return continuation.resume(returning: refused) }
            handle.onCancel { [weak self] in
                self?.leaveQueue(number, UpstreamError(.cancelled, mayHaveRun: false, detail: "cancelled in the queue"))
            }
        }
        return try result.get()
    }

    private func leaveQueue(_ number: Int, _ why: UpstreamError) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiting.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiting.remove(at: index)
        }
        waiter?.continuation.resume(returning: .failure(why))
    }

    /// Calls under way, and those that wait.
    var counts: (inside: Int, waiting: Int) {
        let unlimited = unlimited.load(ordering: .relaxed)
        return state.withLock { ($0.inside + unlimited, $0.waiting.count) }
    }

    fileprivate func leave() {
        if limit == nil {
            unlimited.subtract(1, ordering: .relaxed)
            return
        }
        let next = state.withLock { state -> Waiter? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.inside -= 1
            return nil
        }
        // The place is handed on, so nobody can come between.
        next?.continuation.resume(returning: .success(GatePass(self)))
    }
}

/// A place among the calls under way; free again when it is let go of.
final class GatePass: Sendable {
    private let gate: CallGate

    fileprivate init(_ gate: CallGate) {
        self.gate = gate
    }

    deinit { gate.leave() }
}
