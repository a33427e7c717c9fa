import Base
import CUV

/// A one-shot timer on a loop. Loop thread only.
///
/// Moving its deadline later (an HTTP idle timer, on every request) is a store: the timer finds out when it wakes.
// SAFETY: confined to the loop's thread, which every entry checks.
package final class LoopTimer: @unchecked Sendable {
    /// The loop it belongs to. The loop holds its armed timers, an armed timer holds its loop: until it fires.
    package let loop: EventLoop
    private var body: (() -> Void)?
    private var abandoned: (() -> Void)?
    private let isRepeatable: Bool
    /// When it is due, in microseconds of the monotonic clock; meaningful while armed.
    var deadline: Int64 = 0
    /// What the heap is ordered by: never later than `deadline`.
    fileprivate var key: Int64 = 0
    /// Where it sits in the heap, -1 if it does not.
    fileprivate var slot = -1

    init(loop: EventLoop, isRepeatable: Bool, abandoned: (() -> Void)?, body: @escaping () -> Void) {
        self.loop = loop
        self.isRepeatable = isRepeatable
        self.abandoned = abandoned
        self.body = body
    }

    /// True from arming until it fires or is cancelled.
    package var isArmed: Bool { slot >= 0 }

    /// Disarms it. A timer that was not made repeatable drops its body and can't be armed again.
    package func cancel() {
        loop.assertOnLoop()
        loop.timers.remove(self)
        if !isRepeatable { drop() }
    }

    /// Sets the deadline to `span` from now. Works while armed, and for a repeatable timer always; otherwise nothing.
    package func rearm(after span: TimeSpan) {
        loop.assertOnLoop()
        guard body != nil else { return }
        let deadline = loop.deadline(after: span)
        if slot >= 0, deadline >= key {
            self.deadline = deadline
            return
        }
        loop.timers.remove(self)
        self.deadline = deadline
        loop.arm(self)
    }

    fileprivate func fire() {
        let body = body
        if !isRepeatable { drop() }
        body?()
    }

    fileprivate func abandon() {
        let abandoned = abandoned
        drop()
        abandoned?()
    }

    /// Both closures go together: each may hold who holds the timer.
    private func drop() {
        body = nil
        abandoned = nil
    }
}

/// A binary heap of armed timers that know their place, so that cancelling costs no search and leaves nothing behind.
struct TimerHeap {
    private var items: [LoopTimer] = []
    /// For when libuv's one timer is set, `Int64.max` if it is not.
    var armedFor = Int64.max

    var count: Int { items.count }
    var first: LoopTimer? { items.first }

    mutating func insert(_ timer: LoopTimer) {
        timer.key = timer.deadline
        timer.slot = items.count
        items.append(timer)
        siftUp(timer.slot)
    }

    mutating func remove(_ timer: LoopTimer) {
        let slot = timer.slot
        guard slot >= 0 else { return }
        timer.slot = -1
        let last = items.removeLast()
        guard slot < items.count else { return }
        items[slot] = last
        last.slot = slot
        siftUp(slot)
        siftDown(last.slot)
    }

    /// Takes out the next timer that is due at `now`; timers whose deadline had moved go back to their place.
    mutating func popDue(_ now: Int64) -> LoopTimer? {
        while let timer = items.first, timer.key <= now {
            if timer.deadline <= now {
                remove(timer)
                return timer
            }
            timer.key = timer.deadline
            siftDown(0)
        }
        return nil
    }

    /// Empties the heap.
    mutating func removeAll() -> [LoopTimer] {
        let all = items
        items = []
        for timer in all { timer.slot = -1 }
        return all
    }

    private mutating func siftUp(_ start: Int) {
        var slot = start
        let timer = items[slot]
        while slot > 0 {
            let parent = (slot - 1) / 2
            guard timer.key < items[parent].key else { break }
            items[slot] = items[parent]
            items[slot].slot = slot
            slot = parent
        }
        items[slot] = timer
        timer.slot = slot
    }

    private mutating func siftDown(_ start: Int) {
        var slot = start
        let timer = items[slot]
        while true {
            var child = 2 * slot + 1
            guard child < items.count else { break }
            if child + 1 < items.count, items[child + 1].key < items[child].key { child += 1 }
            guard items[child].key < timer.key else { break }
            items[slot] = items[child]
            items[slot].slot = slot
            slot = child
        }
        items[slot] = timer
        timer.slot = slot
    }
}

extension EventLoop {
    /// Runs `body` on the loop after `span`, once. The loop holds timer and body until then or ``LoopTimer/cancel()``.
    ///
    /// With `repeatable` the timer keeps its body, so that it can be re-armed again and again. A timer fires never too
    /// early and, on a quiet loop, at most two milliseconds late. Loop thread only.
    package func schedule(
        after span: TimeSpan, repeatable: Bool = false, _ body: @escaping () -> Void
    ) -> LoopTimer {
        schedule(after: span, repeatable: repeatable, abandoned: nil, body)
    }

    /// The same with a body that runs instead when the loop ends first.
    func schedule(
        after span: TimeSpan, repeatable: Bool = false, abandoned: (() -> Void)?, _ body: @escaping () -> Void
    ) -> LoopTimer {
        assertOnLoop()
        let timer = LoopTimer(loop: self, isRepeatable: repeatable, abandoned: abandoned, body: body)
        timer.deadline = deadline(after: span)
        arm(timer)
        return timer
    }

    /// `span` from now, in microseconds of the monotonic clock; a hostile span saturates.
    func deadline(after span: TimeSpan) -> Int64 {
        let (sum, overflow) = Self.monotonicMicroseconds.addingReportingOverflow(max(0, span.microseconds))
        return overflow ? .max : sum
    }

    /// The loop ends: nothing fires any more, but who sleeps is woken.
    func abandonTimers() {
        for timer in timers.removeAll() { timer.abandon() }
    }

    fileprivate func arm(_ timer: LoopTimer) {
        // A loop that ends fires no timers; who waits for one is told at once.
        guard phase != .closing, phase != .closed else {
            timer.abandon()
            return
        }
        timers.insert(timer)
        armLibuvTimer()
    }

    /// Sets libuv's timer for the first of ours, unless it is set early enough already.
    private func armLibuvTimer() {
        guard let first = timers.first, first.key < timers.armedFor else { return }
        timers.armedFor = first.key
        // libuv counts in whole milliseconds from its cached time; both clocks are CLOCK_MONOTONIC.
        let due = UInt64(max(0, first.key / 1_000)) + (first.key % 1_000 > 0 ? 1 : 0)
        let cached = uv_now(uv)
        uv_timer_start(
            &handles.pointee.timer, { EventLoop.of($0).fireTimers() }, due > cached ? due - cached : 0, 0)
    }

    private func fireTimers() {
        timers.armedFor = .max
        let now = Self.monotonicMicroseconds
        while let timer = timers.popDue(now) { timer.fire() }
        armLibuvTimer()
    }

    /// Microseconds of CLOCK_MONOTONIC.
    static var monotonicMicroseconds: Int64 { Int64(truncatingIfNeeded: uv_hrtime() / 1_000) }

    /// Time since an arbitrary point, never going back. Any thread.
    package static var monotonicNow: TimeSpan { TimeSpan(microseconds: monotonicMicroseconds) }

    /// Time since an arbitrary point, never going back. Any thread.
    package var now: TimeSpan { Self.monotonicNow }
}
