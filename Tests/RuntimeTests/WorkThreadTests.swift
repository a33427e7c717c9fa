import Base
import Testing

@testable import Runtime

private actor Ledger {
    nonisolated let thread: WorkThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private var rows = 0

    init(_ thread: WorkThread) {
        self.thread = thread
    }

    func add() -> Bool {
        rows += 1
        return thread.isOnThread
    }

    var count: Int { rows }
}

@Suite struct WorkThreadTests {
    @Test func actorHasItsThread() async throws {
        let thread = try WorkThread(name: "a-very-long-thread-name")
        let ledger = Ledger(thread)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<200 { #expect(await ledger.add()) } }
            }
        }
        #expect(await ledger.count == 1_600)
        thread.stop()
        thread.join()
        // Late callers are answered too.
        #expect(await ledger.add())
    }

    @Test func loopActorGetsItsAnswerBackOnTheLoop() async throws {
        let thread = try WorkThread()
        let ledger = Ledger(thread)
        try await withLoop { loop in
            let caller = Caller(loop)
            #expect(await caller.call(ledger))
        }
        thread.stop()
    }

    private actor Caller {
        nonisolated let loop: EventLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(_ loop: EventLoop) {
            self.loop = loop
        }

        func call(_ ledger: Ledger) async -> Bool {
            await ledger.add() && loop.isOnLoop
        }
    }

    @Test func poolRunsAndRefuses() async throws {
        let pool = try BlockingPool(threads: 1, maxQueued: 1)
        #expect(try await pool.run { 6 * 7 } == 42)
        await #expect(throws: RuntimeError(.notFound, "x")) {
            try await pool.run { throw RuntimeError(.notFound, "x") }
        }
        // One works, one waits, the third is refused.
        let gate = Monitor(false)
        let entered = Record<Int>()
        async let working: Void = pool.run {
            entered.note(1)
            gate.wait { $0 ? () : nil }
        }
        _ = await entered.wait(for: 1)
        let waiting = Task { try await pool.run { 2 } }
        while pool.waiting == 0 { await Task.yield() }
        await #expect(throws: RuntimeError(.overloaded, "pool")) { try await pool.run { 3 } }
        gate.broadcast { $0 = true }
        try await working
        #expect(try await waiting.value == 2)
        pool.stop()
        pool.join()
        await #expect(throws: RuntimeError(.stopped, "pool")) { try await pool.run { 4 } }
    }
}
