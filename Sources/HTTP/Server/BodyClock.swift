/// When a body that comes in pieces is given up: each 16 KiB of it have their time, and all of it together has one, so
/// that a byte now and then can't hold a connection. Pure: times come from the caller, in microseconds of a monotonic
/// clock.
package struct BodyClock {
    /// Bytes that start the first of the two times anew.
    static let step = 16 * 1024

    private let perStep: Int64
    private let total: Int64
    private var mark = 0
    private var end: Int64 = 0

    /// Both times in microseconds.
    package init(perStep: Int64, total: Int64) {
        self.perStep = perStep
        self.total = total
    }

    /// A body is waited for, of which `size` bytes are there. Gives how long the timer has to run.
    package mutating func start(size: Int, now: Int64) -> Int64 {
        end = now + total
        return wind(size, now)
    }

    /// More of it has come. Gives how long the timer has to run from now; nil: it runs on as it is.
    package mutating func progress(size: Int, now: @autoclosure () -> Int64) -> Int64? {
        size < mark ? nil : wind(size, now())
    }

    private mutating func wind(_ size: Int, _ now: Int64) -> Int64 {
        mark = size + Self.step
        return max(0, min(perStep, end - now))
    }
}
