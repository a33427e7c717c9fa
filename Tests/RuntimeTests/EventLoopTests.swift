import Base
import Glibc
import Synchronization
import Testing

@testable import Runtime

actor Counter {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private(set) var value = 0
    private var waiting: CheckedContinuation<Int, Never>?

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    func add(_ n: Int) -> Bool {
        value += n
        return loop.isOnLoop
    }

    func ask(_ other: Counter) async -> Int {
        let before = value
        _ = await other.add(1)
        precondition(loop.isOnLoop)
        return value - before
    }

    func waitForGift() async -> Int {
        let gift = await withCheckedContinuation { waiting = $0 }
        precondition(loop.isOnLoop)
        return gift
    }

    var isWaiting: Bool { waiting != nil }

    func give(_ n: Int) {
        waiting?.resume(returning: n)
        waiting = nil
    }
}

@Suite struct EventLoopTests {
    @Test func actorRunsOnItsLoop() async throws {
        try await withLoop { loop in
            let counter = Counter(loop)
            for _ in 0..<1_000 { #expect(await counter.add(1)) }
            #expect(await counter.value == 1_000)
            #expect(!loop.isOnLoop)
            #expect(EventLoop.current == nil)
            #expect(await loop.run { EventLoop.current === loop })
        }
    }

    @Test func theEndOfATurnComesAfterAllThatTheTurnStarted() async throws {
        try await withLoop { loop in
            let told = Mutex<[String]>([])
            await loop.run {
                loop.whenTurnEnds {
                    guard told.withLock({ $0.count == 2 }) else { return }
                    told.withLock { $0.append("end") }
                    // Still the same turn: nothing has to wake the loop for it.
                    loop.execute { told.withLock { $0.append("after") } }
                }
                loop.execute { told.withLock { $0.append("first") } }
                loop.execute { told.withLock { $0.append("second") } }
            }
            while await loop.run({ told.withLock { $0.count } }) < 4 { await Task.yield() }
            #expect(told.withLock { $0 } == ["first", "second", "end", "after"])
        }
    }

    @Test func continuationReturnsToTheLoop() async throws {
        try await withLoop { loop in
            let counter = Counter(loop)
            async let gift = counter.waitForGift()
            while await !counter.isWaiting { await Task.yield() }
            await counter.give(7)
            #expect(await gift == 7)
        }
    }

    @Test func loopsCallEachOther() async throws {
        try await withLoop { one in
            try await withLoop { two in
                let a = Counter(one)
                let b = Counter(two)
                await withTaskGroup(of: Void.self) { group in
                    for index in 0..<8 {
                        group.addTask {
                            for _ in 0..<500 {
                                if index.isMultiple(of: 2) { _ = await a.ask(b) } else { _ = await b.ask(a) }
                            }
                        }
                    }
                }
                #expect(await a.value == 2_000)
                #expect(await b.value == 2_000)
            }
        }
    }

    @Test func taskMayPreferALoop() async throws {
        try await withLoop { loop in
            let places = await withTaskExecutorPreference(loop) {
                await nowhere(loop)
            }
            #expect(places)
        }
    }

    @Test func callbackEntersTheActorWithoutAHop() async throws {
        try await withLoop { loop in
            let counter = Counter(loop)
            let value = await loop.run { counter.assumeIsolated { $0.add(5) ? $0.value : 0 } }
            #expect(value == 5)
        }
    }

    @Test func executeKeepsTheOrderOfOneCaller() async throws {
        try await withLoop { loop in
            let list = Mutex<[Int]>([])
            for index in 0..<5_000 { loop.execute { list.withLock { $0.append(index) } } }
            await loop.run {}
            #expect(list.withLock { $0 } == Array(0..<5_000))
        }
    }

    @Test func endlessJobsDoNotStarveTimers() async throws {
        try await withLoop { loop in
            let stop = Flag()
            @Sendable func again() { if !stop.isSet { loop.execute { again() } } }
            again()
            try await loop.sleep(.milliseconds(5))
            stop.set()
        }
    }

    @Test func workBeforeStartAndAfterStopIsDone() async throws {
        let loop = try EventLoop()
        let counter = Counter(loop)
        async let early = counter.add(1)
        try loop.start()
        #expect(await early)
        #expect(throws: RuntimeError.self) { try loop.start() }
        loop.stop()
        loop.stop()
        loop.join()
        for _ in 0..<100 { #expect(await counter.add(1)) }
        #expect(await counter.value == 101)
        await #expect(throws: CancellationError.self) { try await loop.sleep(.hours(1)) }
    }

    @Test func aLoopThatNeverRan() async throws {
        let loop = try EventLoop()
        let counter = Counter(loop)
        loop.stop()
        loop.join()
        #expect(await counter.add(1))
        _ = try EventLoop()
    }

    @Test func groupTakesTurns() async throws {
        let group = try EventLoopGroup(count: 2)
        #expect(group.next() !== group.next())
        #expect(EventLoopGroup.cores >= 1)
        #expect((1...EventLoopGroup.cores).contains(EventLoopGroup.usualCount))
        #expect(throws: RuntimeError.self) { try EventLoopGroup(count: 0) }
        group.stop()
        group.join()
    }

    @Test func offTheLoopIsABug() async {
        await #expect(processExitsWith: .failure) {
            let loop = try EventLoop()
            try loop.start()
            loop.assertOnLoop()
        }
    }

    @Test func errorsOfRunComeThrough() async throws {
        try await withLoop { loop in
            await #expect(throws: RuntimeError(.notFound, "x")) {
                try await loop.run { () throws(RuntimeError) in throw RuntimeError(.notFound, "x") }
            }
        }
    }
}

nonisolated func nowhere(_ loop: EventLoop) async -> Bool {
    await Task.yield()
    return loop.isOnLoop
}
