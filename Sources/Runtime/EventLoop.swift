import Base
import CUV
import Glibc
import Synchronization

/// One thread, one `uv_loop_t`, and a Swift executor over both.
///
/// An actor that returns a loop's ``asUnownedSerialExecutor()`` as its `unownedExecutor` runs on the loop's thread, so
/// that C callbacks can enter it by `assumeIsolated` without a hop. Tasks may prefer the loop as their task executor.
///
/// Objects made on a loop (streams, timers, listeners, child processes) belong to its thread and check that.
// SAFETY: `local`, `resources`, `timers` and all libuv state are touched by the loop's thread only (before `start()` by
// the initialiser, after the end by nobody but the one reviving thread); `inbox` has a lock; `owner` is atomic.
package final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// For thread lists and messages.
    package let name: String

    /// The libuv loop. Loop thread only.
    let uv: UnsafeMutablePointer<uv_loop_t>
    let handles: UnsafeMutablePointer<LoopHandles>
    /// Every read of every stream of this loop lands here: no allocation per read.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 64)
    /// Small writes of several parts are joined here, to cost one system call.
    let writeScratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 64)

    /// Free buffers for TLS; none if there is no TLS.
    var tlsBuffers: [UnsafeMutableRawBufferPointer] = []

    // Not a `Mutex`: the thread sanitizer can't see that one on Linux, and this queue is what most wants checking.
    private let inbox = Monitor(Inbox())
    /// True while `inbox.works` may hold something; spares the lock on a quiet loop.
    private let inboxFilled = Atomic<Bool>(false)
    /// `pthread_self()` of the thread that runs jobs now, 0 if there is none.
    private let owner = Atomic<UInt>(0)
    private let ended = Monitor(false)

    private var local = FIFO<Work>()
    private var idleRuns = false
    /// Nil: the loop sleeps whenever it waits.
    private var patience: Patience?
    private let haltPoller: HaltPoller?
    private var turnEnd: (@Sendable () -> Void)?
    var resources: [ObjectIdentifier: any LoopResource] = [:]
    var timers = TimerHeap()
    private(set) var phase = Phase.running

    enum Phase { case running, endingChildren, closing, closed }

    enum Work {
        case job(UnownedJob)
        case body(@Sendable () -> Void)
    }

    private struct Inbox {
        enum State { case fresh, running, closing, ended, reviving }
        var state = State.fresh
        var works: [Work] = []
        var wakePending = false
    }

    /// How many jobs run before sockets and timers get their turn again.
    // COST: a job takes 50–500 ns, so a full batch delays I/O by well under a millisecond.
    private static let batch = 512

    /// Makes a loop that does not run yet. Jobs may be enqueued at once; they run after ``start()``.
    package convenience init(name: String = "loop") throws(RuntimeError) {
        try self.init(name: name, polls: true, haltPoller: nil)
    }

    /// - Parameters:
    ///   - polls: whether it stays awake while its next event is near.
    ///   - haltPoller: keeps the other processor awake for as long.
    init(name: String, polls: Bool, haltPoller: HaltPoller?) throws(RuntimeError) {
        _ = ignoreBrokenPipes
        self.name = name
        patience = polls ? Patience() : nil
        self.haltPoller = haltPoller
        uv = .allocate(capacity: 1)
        handles = .allocate(capacity: 1)
        handles.initialize(to: LoopHandles())
        let status = uv_loop_init(uv)
        guard status == 0 else {
            uv.deallocate()
            handles.deallocate()
            readBuffer.deallocate()
            writeScratch.deallocate()
            throw RuntimeError(uv: status, name)
        }
        // Unretained: the thread holds the loop for as long as libuv runs.
        uv.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        uv_async_init(uv, &handles.pointee.wake) { _ in }
        uv_prepare_init(uv, &handles.pointee.prepare)
        uv_check_init(uv, &handles.pointee.check)
        uv_idle_init(uv, &handles.pointee.idle)
        uv_timer_init(uv, &handles.pointee.timer)
        // Before polling: what timers and closing callbacks enqueued. After polling: what reads enqueued.
        uv_prepare_start(&handles.pointee.prepare) { EventLoop.of($0).beginWait() }
        uv_check_start(&handles.pointee.check) { EventLoop.of($0).endWait() }
    }

    deinit {
        if phase != .closed { closeLoop() }
        handles.deallocate()
        readBuffer.deallocate()
        writeScratch.deallocate()
        for buffer in tlsBuffers { buffer.deallocate() }
    }

    // MARK: Life

    /// Starts the loop's thread. Once only.
    package func start() throws(RuntimeError) {
        let fresh = inbox.withLock { inbox in
            guard inbox.state == .fresh else { return false }
            inbox.state = .running
            return true
        }
        guard fresh else { throw RuntimeError(.invalidArgument, "event loop \(name) was started before") }
        try startThread(name: name) { self.main() }
    }

    /// Asks the loop to end: children are ended (SIGTERM, half a second later SIGKILL), every stream, listener and
    /// watcher is closed, and delegates are told. Any thread; returns at once.
    ///
    /// Jobs enqueued after the end still run, one at a time, on a thread made for them: an `await` on an actor of a
    /// stopped loop returns instead of hanging.
    package func stop() {
        let neverRan = inbox.withLock { inbox in
            guard inbox.state == .fresh else { return false }
            inbox.state = .ended
            return true
        }
        if neverRan {
            ended.broadcast { $0 = true }
            execute {}
        } else {
            execute { self.beginStop() }
        }
    }

    /// Blocks the calling thread until the loop has ended. Not on the loop's own thread.
    package func join() {
        precondition(!isOnLoop, "BUG: a loop can't wait for its own end")
        ended.wait { $0 ? () : nil }
    }

    private func main() {
        becomeOwner()
        uv_run(uv, UV_RUN_DEFAULT)
        phase = .closed
        // From here on nobody wakes the loop: its handles are about to go.
        inbox.withLock { $0.state = .closing }
        closeLoop()
        runLastJobs()
        ended.broadcast { $0 = true }
    }

    /// Runs what arrives until nothing is left, then gives the loop up; afterwards `push` revives a thread.
    private func runLastJobs() {
        while true {
            takeInbox()
            while let work = local.popFirst() { run(work) }
            let done = inbox.withLock { inbox in
                guard inbox.works.isEmpty else { return false }
                owner.store(0, ordering: .relaxed)
                inbox.state = .ended
                return true
            }
            if done { break }
        }
        CurrentLoop.set(nil)
    }

    private func becomeOwner() {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        CurrentLoop.set(self)
    }

    private func beginStop() {
        guard phase == .running else { return }
        phase = .endingChildren
        for resource in resources.values { resource.loopIsStopping() }
    }

    /// True once new objects are refused.
    var isStopping: Bool { phase != .running }

    /// Advances the end; runs after each drain.
    private func continueStop() {
        if phase == .endingChildren, !resources.values.contains(where: { $0.delaysStop }) {
            phase = .closing
            for resource in resources.values { resource.closeForStop() }
            abandonTimers()
        }
        // Every close callback has run and nobody is waiting to run: the loop may end.
        if phase == .closing, resources.isEmpty, local.isEmpty {
            phase = .closed
            uv_stop(uv)
        }
    }

    /// Closes the loop's own handles and the loop. Loop thread, or the last owner.
    private func closeLoop() {
        let h = handles
        withUnsafeMutablePointer(to: &h.pointee.wake) { closeRaw($0) }
        withUnsafeMutablePointer(to: &h.pointee.prepare) { closeRaw($0) }
        withUnsafeMutablePointer(to: &h.pointee.check) { closeRaw($0) }
        withUnsafeMutablePointer(to: &h.pointee.idle) { closeRaw($0) }
        withUnsafeMutablePointer(to: &h.pointee.timer) { closeRaw($0) }
        uv_run(uv, UV_RUN_NOWAIT)
        // A name lookup on libuv's thread pool can't be stopped and still points here: then the loop stays allocated.
        if uv_loop_close(uv) == 0 { uv.deallocate() }
    }

    // MARK: Executor

    /// Any thread; called by the Swift runtime.
    package func enqueue(_ job: consuming ExecutorJob) {
        push(.job(UnownedJob(job)))
    }

    /// True on the loop's thread: how `assumeIsolated` enters without a hop.
    package func isIsolatingCurrentContext() -> Bool? { isOnLoop }

    /// Traps off the loop's thread.
    package func checkIsolated() { assertOnLoop() }

    /// What an actor of this loop returns as its `unownedExecutor`.
    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    /// What a task that prefers this loop holds.
    package func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    /// The loop whose thread this is.
    package static var current: EventLoop? { CurrentLoop.get() }

    /// True on the loop's thread.
    package var isOnLoop: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Traps unless this is the loop's thread.
    package func assertOnLoop() {
        precondition(isOnLoop, "BUG: called off its event loop")
    }

    /// Runs `body` on the loop, later, never inline. Any thread.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        push(.body(body))
    }

    /// Runs `body` on the loop and returns what it returns; inline if this is the loop's thread already.
    package func run<T: Sendable, E: Error>(_ body: @escaping @Sendable () throws(E) -> T) async throws(E) -> T {
        if isOnLoop { return try body() }
        let result = await withUnsafeContinuation { (continuation: UnsafeContinuation<Result<T, E>, Never>) in
            execute {
                let result: Result<T, E>
                do throws(E) { result = .success(try body()) } catch { result = .failure(error) }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    /// Has `body` run on the loop's thread at the end of each turn, after what the turn's events started. What it
    /// enqueues there still runs in the same turn: work of several connections can be done at once, without a wait.
    /// Any thread; a second call replaces the first one's `body`.
    package func whenTurnEnds(_ body: @escaping @Sendable () -> Void) {
        onLoop { self.turnEnd = body }
    }

    private func push(_ work: Work) {
        if isOnLoop {
            local.append(work)
            return
        }
        let revive = inbox.withLock { inbox in
            inbox.works.append(work)
            inboxFilled.store(true, ordering: .releasing)
            switch inbox.state {
            case .running:
                // Under the lock, so that the handle can't be closed in between.
                if !inbox.wakePending {
                    inbox.wakePending = true
                    uv_async_send(&handles.pointee.wake)
                }
                return false
            case .ended:
                inbox.state = .reviving
                return true
            case .fresh, .closing, .reviving:
                return false
            }
        }
        if revive { self.revive() }
    }

    /// The loop has ended but somebody still needs an answer from its actors.
    private func revive() {
        do throws(RuntimeError) {
            try startThread(name: name) {
                self.becomeOwner()
                self.runLastJobs()
            }
        } catch {
            inbox.withLock { $0.state = .ended }
        }
    }

    private func takeInbox() {
        guard inboxFilled.load(ordering: .acquiring) else { return }
        let works = inbox.withLock { inbox in
            inboxFilled.store(false, ordering: .relaxed)
            inbox.wakePending = false
            let works = inbox.works
            inbox.works = []
            return works
        }
        local.append(contentsOf: works)
    }

    /// Before libuv looks for events: decides whether it may sleep until there are some.
    private func beginWait() {
        drain()
        // An active idle handle makes libuv poll without waiting.
        let polls = !local.isEmpty || staysAwake()
        if polls != idleRuns {
            idleRuns = polls
            if polls { uv_idle_start(&handles.pointee.idle) { _ in } } else { uv_idle_stop(&handles.pointee.idle) }
        }
    }

    private func staysAwake() -> Bool {
        let now = uv_hrtime()
        guard patience?.polls(at: now) == true else { return false }
        if let haltPoller, let end = patience?.expectedEnd { haltPoller.stayAwake(until: end, at: now) }
        return true
    }

    /// After libuv's callbacks have run.
    private func endWait() {
        let now = uv_hrtime()
        if drain() { patience?.woke(at: now) } else if idleRuns { sched_yield() }
    }

    /// Runs waiting jobs, at most a batch, then lets I/O have its turn. True if there was any.
    @discardableResult
    private func drain() -> Bool {
        takeInbox()
        var budget = Self.batch
        runJobs(&budget)
        let hadWork = budget < Self.batch
        if let turnEnd {
            turnEnd()
            runJobs(&budget)
        }
        if isStopping { continueStop() }
        return hadWork
    }

    @inline(__always)
    private func runJobs(_ budget: inout Int) {
        while budget > 0, let work = local.popFirst() {
            run(work)
            budget -= 1
        }
    }

    @inline(__always)
    private func run(_ work: Work) {
        switch work {
        case .job(let job):
            job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        case .body(let body):
            body()
        }
    }
}
