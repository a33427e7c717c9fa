/// How long a loop asks for events again and again before it lets the system put its thread to sleep.
///
/// Waking a sleeping thread takes some 5 µs on bare metal and 50 µs and more in a virtual machine whose processor has
/// halted. A loop that expects its next event sooner than that does better to stay awake; one that does not, must not
/// burn a processor. So it stays awake only while two averages say that it pays: what it waits for comes within
/// ``limit``, and what it does in one turn takes less than ``longTurn``. Longer turns have many connections to serve:
/// such a loop finds its next events waiting, and would only take the processor from those who send them. The idea is
/// that of the kernel's `halt_poll_ns` for virtual processors.
struct Patience {
    /// The longest time without work that is spent awake, in nanoseconds.
    static let limit: UInt64 = 300_000
    /// From which length on, in nanoseconds, a turn is that of a busy loop. One call on its own takes half of it.
    private static let longTurn: UInt64 = 200_000
    /// A longer wait than this, in nanoseconds, counts as this one, so that it is not remembered for long.
    private static let longest: UInt64 = 1_000_000

    /// Averages over the last eight or so waits and turns, in nanoseconds.
    private var wait = longest
    private var work: UInt64 = 0
    /// When the present wait began; nil while there is work.
    private var waitingSince: UInt64?
    private var workingSince: UInt64?

    /// The loop is about to wait at `now`: true if it should look for events without sleeping.
    mutating func polls(at now: UInt64) -> Bool {
        guard let since = waitingSince else {
            if let began = workingSince { work = Self.average(work, now &- began) }
            waitingSince = now
            return pays
        }
        return now &- since < Self.limit && pays
    }

    private var pays: Bool { wait < Self.limit && work < Self.longTurn }

    /// Until when the wait that began last probably lasts, with the turn that ends it: the same time by `uv_hrtime` as
    /// long as it lasts, nil if nothing is expected soon.
    var expectedEnd: UInt64? {
        guard let since = waitingSince, pays else { return nil }
        return since &+ min(2 * (wait + work), Self.limit)
    }

    /// Work came at `now`.
    mutating func woke(at now: UInt64) {
        if let since = waitingSince { wait = Self.average(wait, min(now &- since, Self.longest)) }
        waitingSince = nil
        workingSince = now
    }

    private static func average(_ old: UInt64, _ new: UInt64) -> UInt64 { (old * 7 + new) / 8 }
}
