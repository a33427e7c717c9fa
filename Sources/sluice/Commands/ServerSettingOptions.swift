import Arguments
import Base
import JSON
import Store

/// The options of `server add` and `server set` that say how a server is run and called.
enum ServerSettingOptions {
    static let all: [Option] = [
        .flag("per-session", "a child of its own for each client session, for a command (default: one that all share)"),
        .value("call-timeout", "SPAN", "give a call up after this silence; progress starts it anew (default: serve's)"),
        .value("longest-call", "SPAN", "give a call up after this, whatever is heard of it (default: 1h)"),
        .value("max-response", "SIZE", "largest message from the server (default: 32MiB, the most)"),
        .value("max-calls", "N", "calls under way at once; more wait (default: no limit of its own)"),
        .value("max-waiting", "N", "calls that may wait for --max-calls; more are refused (default: 100)"),
        .value("limit-memory", "SIZE", "address space of each process of the command"),
        .value("limit-cpu", "SPAN", "CPU time of each process of the command"),
        .value("limit-files", "N", "open files of each process of the command"),
        .value("limit-processes", "N", "processes and threads of the gateway's user, as the command sees it"),
    ]

    private static let names: Set<String> = Set(all.map(\.name))

    static func read(_ arguments: Arguments, over old: ServerSettings) throws -> ServerSettings {
        var settings = old
        for name in arguments.all("reset") {
            guard names.contains(name) else {
                throw arguments.invalid("reset", name, "one of: \(all.map(\.name).joined(separator: ", "))")
            }
            reset(name, &settings)
        }
        if arguments.has("shared") {
            guard !arguments.has("per-session") else {
                throw Failure(.usage, "--shared and --per-session are opposites")
            }
            settings.perSession = false
        }
        if arguments.has("per-session") { settings.perSession = true }
        func span(_ name: String, _ most: Int) throws -> TimeSpan? {
            arguments.has(name) ? .seconds(Int64(try arguments.seconds(name, in: 1...most, default: 1))) : nil
        }
        func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
            arguments.has(name) ? try arguments.number(name, in: range, default: range.lowerBound) : nil
        }
        func size(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
            arguments.has(name) ? try arguments.bytes(name, in: range, default: range.lowerBound) : nil
        }
        settings.callTimeout = try span("call-timeout", 86_400) ?? settings.callTimeout
        settings.longestCall = try span("longest-call", 604_800) ?? settings.longestCall
        settings.maxResponse =
            try size("max-response", 1_024...ServerSettings.largestResponse) ?? settings.maxResponse
        settings.maxCalls = try number("max-calls", 1...10_000) ?? settings.maxCalls
        settings.maxWaiting = try number("max-waiting", 0...10_000) ?? settings.maxWaiting
        settings.memory = try size("limit-memory", 1 << 20...1 << 50) ?? settings.memory
        settings.cpuSeconds =
            try arguments.has("limit-cpu")
            ? arguments.seconds("limit-cpu", in: 1...1 << 31, default: 1) : settings.cpuSeconds
        settings.openFiles = try number("limit-files", 8...1 << 20) ?? settings.openFiles
        settings.processes = try number("limit-processes", 1...1 << 22) ?? settings.processes
        return settings
    }

    /// Says what does not fit together, in the words of the options.
    static func check(_ server: Server) throws(Failure) {
        if let problem = server.settings.problem { throw Failure(.usage, problem) }
        if case .http = server.transport, server.settings.perSession || server.settings.limitsResources {
            throw Failure(.usage, "--per-session and --limit-… are for commands; this server has a --url")
        }
    }

    private static func reset(_ name: String, _ settings: inout ServerSettings) {
        switch name {
        case "per-session": settings.perSession = false
        case "call-timeout": settings.callTimeout = nil
        case "longest-call": settings.longestCall = nil
        case "max-response": settings.maxResponse = nil
        case "max-calls": (settings.maxCalls, settings.maxWaiting) = (nil, nil)
        case "max-waiting": settings.maxWaiting = nil
        case "limit-memory": settings.memory = nil
        case "limit-cpu": settings.cpuSeconds = nil
        case "limit-files": settings.openFiles = nil
        case "limit-processes": settings.processes = nil
        default: break
        }
    }

    /// What differs from the usual, for people.
    static func lines(_ settings: ServerSettings) -> [String] {
        var lines: [String] = settings.perSession ? ["a child for each session"] : []
        func add(_ name: String, _ value: Int?, _ unit: String = "") {
            if let value { lines.append("\(name) \(value)\(unit)") }
        }
        add("call timeout", settings.callTimeout.map { Int($0.microseconds / 1_000_000) }, " s")
        add("longest call", settings.longestCall.map { Int($0.microseconds / 1_000_000) }, " s")
        add("largest response", settings.maxResponse, " bytes")
        add("calls at once", settings.maxCalls)
        add("waiting", settings.maxWaiting)
        add("memory", settings.memory, " bytes")
        add("CPU", settings.cpuSeconds, " s")
        add("open files", settings.openFiles)
        add("processes", settings.processes)
        return lines
    }

    /// The members of a server's JSON that are set.
    static func write(_ settings: ServerSettings, to writer: inout JSONWriter) {
        if settings.perSession { writer.member("per_session", true) }
        func add(_ key: String, _ value: Int?) { if let value { writer.member(key, value) } }
        add("call_timeout_seconds", settings.callTimeout.map { Int($0.microseconds / 1_000_000) })
        add("longest_call_seconds", settings.longestCall.map { Int($0.microseconds / 1_000_000) })
        add("max_response", settings.maxResponse)
        add("max_calls", settings.maxCalls)
        add("max_waiting", settings.maxWaiting)
        add("limit_memory", settings.memory)
        add("limit_cpu_seconds", settings.cpuSeconds)
        add("limit_files", settings.openFiles)
        add("limit_processes", settings.processes)
    }
}
