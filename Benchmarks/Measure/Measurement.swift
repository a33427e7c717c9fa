import Glibc

/// CPU time of this process in nanoseconds.
func cpuNanoseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Keeps the optimiser from removing work whose result nobody reads.
@inline(never) @_optimize(none) func use<T>(_ value: T) {}

/// CPU microseconds of one run of `body`: the best of seven rounds of about `milliseconds` each.
func microseconds(milliseconds: Double = 60, _ body: () -> Void) -> Double {
    var count = 1
    while true {
        let start = cpuNanoseconds()
        for _ in 0..<count { body() }
        if cpuNanoseconds() - start > milliseconds * 1e6 / 4 { break }
        count *= 2
    }
    count *= 4
    var best = Double.infinity
    for _ in 0..<7 {
        let start = cpuNanoseconds()
        for _ in 0..<count { body() }
        best = min(best, (cpuNanoseconds() - start) / Double(count))
    }
    return best / 1_000
}

/// One line `name number` on standard output; `Benchmarks/run` collects them.
func report(_ name: String, _ value: Double) {
    print(name, value)
}

/// Whether a measurement was impossible; the program then exits with 1 after the others.
@MainActor private(set) var hasFailed = false

/// Says on standard error why something can't be measured.
@MainActor func fail(_ reason: String) {
    let line = Array("measure: \(reason)\n".utf8)
    write(STDERR_FILENO, line, line.count)
    hasFailed = true
}
