import Base

/// How a server is run and called, beyond how it is reached. What is nil is as for every server.
package struct ServerSettings: Sendable, Hashable {
    /// Commands only: each client session has a child of its own, instead of one that all share.
    package var perSession = false
    /// The silence after which a call is given up; 1 s to 24 h.
    package var callTimeout: TimeSpan?
    /// After this a call is given up although progress is reported; not below `callTimeout`, at most 7 days.
    package var longestCall: TimeSpan?
    /// Bytes of one message from the server; 1 KiB to `largestResponse`.
    package var maxResponse: Int?
    /// Calls under way at once; 1 to 10,000.
    package var maxCalls: Int?
    /// Calls that may wait for their turn when `maxCalls` are under way (default 100); 0 to 10,000.
    package var maxWaiting: Int?
    /// Commands only: bytes of address space of each process; at least 1 MiB.
    package var memory: Int?
    /// Commands only: seconds of CPU time of each process; at least 1.
    package var cpuSeconds: Int?
    /// Commands only: open files of each process; at least 8.
    package var openFiles: Int?
    /// Commands only: processes and threads of the user that the gateway runs as; at least 1.
    package var processes: Int?

    /// The most that a server may send at once.
    package static let largestResponse = 32 << 20

    package init() {}

    /// Whether the child's resources are limited.
    package var limitsResources: Bool { memory != nil || cpuSeconds != nil || openFiles != nil || processes != nil }

    /// One sentence about the first value that is out of range; nil if all are fine.
    package var problem: String? {
        func outside(_ value: Int?, _ range: ClosedRange<Int>) -> Bool { value.map { !range.contains($0) } ?? false }
        func outside(_ span: TimeSpan?, _ range: ClosedRange<Int64>) -> Bool {
            span.map { !range.contains($0.microseconds) } ?? false
        }
        let second: Int64 = 1_000_000
        if outside(callTimeout, second...86_400 * second) { return "the call timeout is 1 s to 24 h" }
        if outside(longestCall, second...604_800 * second) { return "the longest call is 1 s to 7 days" }
        if let callTimeout, let longestCall, longestCall < callTimeout {
            return "the longest call may not be shorter than the call timeout"
        }
        if outside(maxResponse, 1_024...Self.largestResponse) { return "the largest response is 1 KiB to 32 MiB" }
        if outside(maxCalls, 1...10_000) { return "the calls at once are 1 to 10000" }
        if outside(maxWaiting, 0...10_000) { return "the waiting calls are 0 to 10000" }
        if maxWaiting != nil, maxCalls == nil { return "calls wait only where the calls at once are limited" }
        if outside(memory, 1 << 20...1 << 50) { return "the memory is at least 1 MiB" }
        if outside(cpuSeconds, 1...1 << 31) { return "the CPU time is at least 1 s" }
        if outside(openFiles, 8...1 << 20) { return "the open files are 8 to 1048576" }
        if outside(processes, 1...1 << 22) { return "the processes are at least 1" }
        return nil
    }
}
