import CUV
import Glibc
import Synchronization

/// Keeps the other one of two processors from halting while a call is under way: what Linux calls guest halt polling,
/// for systems whose kernel is not set to do it.
///
/// While the loop works on a call, its client and its server wait for it, and the processor on which they ran halts. To
/// wake a halted virtual processor takes 30 µs and more, for the request and again for the answer. This thread yields
/// that processor over and over, so that it goes at once to whoever wakes up there. It does so only while the loop's
/// ``Patience`` expects the next event soon, runs when nobody else wants to, and rests where somebody does
/// (``Restraint``).
///
/// It is of use for one loop on two processors: of more than two, those who wake up would be put on one that has halted.
// SAFETY: all but `bell` is atomic or has a lock; a semaphore is made for several threads.
final class HaltPoller: @unchecked Sendable {
    /// Until when the next event is near, by `uv_hrtime`.
    private let deadline = Atomic<UInt64>(0)
    /// Where the loop runs.
    private let loopProcessor = Atomic<Int32>(-1)
    /// Before this time the thread rests, whatever the loop expects.
    private let restsUntil = Atomic<UInt64>(0)
    private let isAsleep = Atomic<Bool>(false)
    private let isStopping = Atomic<Bool>(false)
    /// What the thread sleeps on. Not a `Monitor`: who runs only when nobody else wants to must not hold a lock that the
    /// loop takes.
    private let bell = UnsafeMutablePointer<uv_sem_t>.allocate(capacity: 1)
    private let ended = Monitor(false)

    /// Starts the thread, which sleeps until it is wanted.
    init() throws(RuntimeError) {
        uv_sem_init(bell, 0)
        try startThread(name: "halt-poll") { self.main() }
    }

    deinit {
        uv_sem_destroy(bell)
        bell.deallocate()
    }

    /// The loop expects an event before `time`; it is `now`. Loop thread.
    func stayAwake(until time: UInt64, at now: UInt64) {
        guard now < time, now >= restsUntil.load(ordering: .relaxed) else { return }
        loopProcessor.store(sched_getcpu(), ordering: .relaxed)
        deadline.store(time, ordering: .relaxed)
        // A thread that is just about to sleep may miss this; it is woken when the loop looks again.
        if isAsleep.load(ordering: .relaxed), isAsleep.exchange(false, ordering: .acquiringAndReleasing) {
            uv_sem_post(bell)
        }
    }

    /// Ends the thread. Any thread; returns at once.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        uv_sem_post(bell)
    }

    /// Blocks until the thread has ended. That may last where others keep the processor, and it holds nothing that
    /// anybody waits for: of use to tests only.
    func join() {
        ended.wait { $0 ? () : nil }
    }

    private func main() {
        // Where the system forbids this, the thread is one like others.
        _ = cuv_run_when_idle()
        let processors = UsableProcessors()
        var restraint = Restraint()
        while !isStopping.load(ordering: .acquiring) {
            isAsleep.store(true, ordering: .releasing)
            uv_sem_wait(bell)
            isAsleep.store(false, ordering: .relaxed)
            if let rest = poll(on: processors, &restraint) { restsUntil.store(uv_hrtime() &+ rest, ordering: .relaxed) }
        }
        ended.broadcast { $0 = true }
    }

    /// Yields until no event is near any more. For how long to rest then, in nanoseconds, if somebody else wants the
    /// processor.
    private func poll(on processors: UsableProcessors, _ restraint: inout Restraint) -> UInt64? {
        var now = uv_hrtime()
        while now < deadline.load(ordering: .relaxed), !isStopping.load(ordering: .relaxed) {
            let taken = loopProcessor.load(ordering: .relaxed)
            if sched_getcpu() == taken, !processors.leave(taken) { return Restraint.longest }
            sched_yield()
            let then = now
            now = uv_hrtime()
            if let rest = restraint.rest(afterAway: now &- then) { return rest }
        }
        return nil
    }
}

/// When a thread that only keeps its processor awake leaves it alone, because others keep it awake already.
///
/// A client or a server has the processor for some ten microseconds of a call. Who has it for longer has more to do: then
/// the thread rests, the longer the more often it finds that.
struct Restraint {
    /// From which length on, in nanoseconds, the processor was away for too long.
    static let late: UInt64 = 1_000_000
    /// The shortest and the longest rest, in nanoseconds.
    static let shortest: UInt64 = 1_000_000
    static let longest: UInt64 = 1_024_000_000
    /// After so much time awake without a late return, in nanoseconds, what was before is forgotten. It is less than what
    /// lies between two of the ledger's transactions, which may be late ones themselves.
    static let calm: UInt64 = 4_000_000

    private var next = shortest
    private var undisturbed: UInt64 = 0

    /// The processor was given away and came back `away` nanoseconds later: how long to leave it now, nil for not at all.
    mutating func rest(afterAway away: UInt64) -> UInt64? {
        guard away >= Self.late else {
            undisturbed += away
            if undisturbed >= Self.calm { next = Self.shortest }
            return nil
        }
        undisturbed = 0
        defer { next = min(next * 2, Self.longest) }
        return next
    }
}

/// The processors that a thread may use.
private struct UsableProcessors {
    private let all: cpu_set_t

    /// Those of the calling thread.
    init() {
        var set = cpu_set_t()
        sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set)
        all = set
    }

    /// Puts the calling thread on one that is not `processor`; false if it can't.
    func leave(_ processor: Int32) -> Bool {
        var others = all
        withUnsafeMutableBytes(of: &others) { words in
            // A bit for each processor, in 64-bit words.
            var word = words.load(fromByteOffset: Int(processor) / 64 * 8, as: UInt64.self)
            word &= ~(1 << UInt64(processor % 64))
            words.storeBytes(of: word, toByteOffset: Int(processor) / 64 * 8, as: UInt64.self)
        }
        return sched_setaffinity(0, MemoryLayout<cpu_set_t>.size, &others) == 0
    }
}
