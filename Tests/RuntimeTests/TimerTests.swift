import Base
import Support
import Synchronization
import Testing

@testable import Runtime

@Suite struct TimerTests {
    @Test func timersFireInOrderAndNeverEarly() async throws {
        try await withLoop { loop in
            let fired = Record<Int64>()
            let start = loop.now
            await loop.run {
                for wait in [9, 3, 6, 0, 1] as [Int64] {
                    _ = loop.schedule(after: .milliseconds(wait)) {
                        precondition((loop.now.microseconds - start.microseconds) >= wait * 1_000)
                        fired.note(wait)
                    }
                }
            }
            #expect(await fired.wait(for: 5).sorted() == [0, 1, 3, 6, 9])
            #expect(await loop.run { loop.timers.count } == 0)
        }
    }

    @Test func cancelledTimerIsSilent() async throws {
        try await withLoop { loop in
            let fired = Flag()
            let timer = await loop.run { loop.schedule(after: .milliseconds(1)) { fired.set() } }
            await loop.run {
                timer.cancel()
                timer.rearm(after: .zero)
            }
            try await loop.sleep(.milliseconds(3))
            #expect(!fired.isSet || !timer.isArmed)
            #expect(await loop.run { loop.timers.count } == 0)
        }
    }

    @Test func rearmedTimerFiresOnceAtItsLastDeadline() async throws {
        try await withLoop { loop in
            let fired = Record<TimeSpan>()
            let start = loop.now
            let timer = await loop.run {
                let timer = loop.schedule(after: .milliseconds(2), repeatable: true) { fired.note(loop.now) }
                for _ in 0..<100 { timer.rearm(after: .milliseconds(8)) }
                return timer
            }
            let first = await fired.wait(for: 1)[0]
            #expect(first.microseconds - start.microseconds >= 8_000)
            // Earlier again, after it fired, and from a long deadline to a short one.
            await loop.run { timer.rearm(after: .hours(1)) }
            await loop.run { timer.rearm(after: .milliseconds(1)) }
            #expect(await fired.wait(for: 2).count == 2)
            await loop.run {
                timer.rearm(after: .seconds(100))
                timer.cancel()
                #expect(!timer.isArmed)
                timer.rearm(after: .zero)
            }
            #expect(await fired.wait(for: 3).count == 3)
        }
    }

    @Test func hostileSpansSaturate() async throws {
        try await withLoop { loop in
            let timer = await loop.run { loop.schedule(after: TimeSpan(microseconds: .max)) {} }
            try await loop.sleep(TimeSpan(microseconds: .min))
            await loop.run { timer.cancel() }
        }
    }

    @Test func sleepEndsWithItsTask() async throws {
        try await withLoop { loop in
            let asleep = Flag()
            let task = Task {
                asleep.set()
                try await loop.sleep(.hours(1))
            }
            while !asleep.isSet { await Task.yield() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await loop.run { loop.timers.count } == 0)
            let before = Task { try await loop.sleep(.hours(1)) }
            before.cancel()
            await #expect(throws: CancellationError.self) { try await before.value }
        }
    }

    @Test func sleepEndsWithItsLoop() async throws {
        let loop = try EventLoop()
        try loop.start()
        let task = Task { try await loop.sleep(.hours(1)) }
        while await loop.run({ loop.timers.count }) == 0 { await Task.yield() }
        loop.stop()
        await #expect(throws: CancellationError.self) { try await task.value }
        loop.join()
    }

    @Test func deadlineCancelsTheBody() async throws {
        try await withLoop { loop in
            let error = await #expect(throws: RuntimeError.self) {
                try await loop.withDeadline(.milliseconds(2), "slow thing") { try await loop.sleep(.hours(1)) }
            }
            #expect(error == RuntimeError(.timedOut, "slow thing"))
            let five = try await loop.withDeadline(.hours(1)) { 5 }
            #expect(five == 5)
            await #expect(throws: RuntimeError(.notFound)) {
                try await loop.withDeadline(.hours(1)) { throw RuntimeError(.notFound) }
            }
            #expect(await loop.run { loop.timers.count } == 0)
        }
    }

    /// The heap against a sorted list, with random inserts, removals and moved deadlines.
    @Test func heapEqualsASortedList() async throws {
        try await withLoop { loop in
            await loop.run {
                var random = SeededGenerator(seed: 11)
                var heap = TimerHeap()
                var list: [LoopTimer] = []
                for _ in 0..<20_000 {
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0..<5:
                        let timer = LoopTimer(loop: loop, isRepeatable: false, abandoned: nil) {}
                        timer.deadline = .random(in: 0..<1_000, using: &random)
                        heap.insert(timer)
                        list.append(timer)
                    case 5..<7:
                        guard let timer = list.randomElement(using: &random) else { continue }
                        heap.remove(timer)
                        list.removeAll { $0 === timer }
                    case 7..<9:
                        // Lazily later, as `rearm` does.
                        list.randomElement(using: &random)?.deadline += 100
                    default:
                        let now = Int64.random(in: 0..<1_000, using: &random)
                        let expected = list.filter { $0.deadline <= now }.count
                        var popped = 0
                        while let timer = heap.popDue(now) {
                            precondition(timer.deadline <= now)
                            list.removeAll { $0 === timer }
                            popped += 1
                        }
                        precondition(popped == expected)
                    }
                    precondition(heap.count == list.count)
                }
            }
        }
    }

    @Test func clocksMoveForward() async throws {
        let a = EventLoop.monotonicNow
        let b = EventLoop.monotonicNow
        #expect(a <= b)
        // Later than 2024, so not the monotonic clock by mistake.
        #expect(EventLoop.wallNow.microseconds > 1_704_067_200_000_000)
    }
}
