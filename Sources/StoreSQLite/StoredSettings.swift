import Base
import JSON
import Store

/// A server's settings inside one column: a JSON object of those that are set; spans in microseconds.
enum StoredSettings {
    static func encode(_ settings: ServerSettings) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        if settings.perSession { writer.member("per_session", true) }
        for (key, value) in numbers(settings) where value != nil { writer.member(key, value ?? 0) }
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Nil when it can't be read or has a setting that we don't know: half a setting is none. A row from before there were
    /// settings has none.
    static func decode(_ text: String?) -> ServerSettings? {
        guard let text else { return ServerSettings() }
        guard let document = try? JSONDocument.parse(Array(text.utf8)), document.root.kind == .object else {
            return nil
        }
        var settings = ServerSettings()
        for (key, value) in document.root.members {
            guard let key = key.string else { return nil }
            if key == "per_session" {
                guard let flag = value.bool else { return nil }
                settings.perSession = flag
                continue
            }
            guard let number = value.int else { return nil }
            switch key {
            case "call_timeout": settings.callTimeout = TimeSpan(microseconds: number)
            case "longest_call": settings.longestCall = TimeSpan(microseconds: number)
            case "max_response": settings.maxResponse = Int(number)
            case "max_calls": settings.maxCalls = Int(number)
            case "max_waiting": settings.maxWaiting = Int(number)
            case "memory": settings.memory = Int(number)
            case "cpu_seconds": settings.cpuSeconds = Int(number)
            case "open_files": settings.openFiles = Int(number)
            case "processes": settings.processes = Int(number)
            default: return nil
            }
        }
        return settings
    }

    private static func numbers(_ settings: ServerSettings) -> [(String, Int64?)] {
        [
            ("call_timeout", settings.callTimeout?.microseconds), ("longest_call", settings.longestCall?.microseconds),
            ("max_response", settings.maxResponse.map(Int64.init)), ("max_calls", settings.maxCalls.map(Int64.init)),
            ("max_waiting", settings.maxWaiting.map(Int64.init)), ("memory", settings.memory.map(Int64.init)),
            ("cpu_seconds", settings.cpuSeconds.map(Int64.init)), ("open_files", settings.openFiles.map(Int64.init)),
            ("processes", settings.processes.map(Int64.init)),
        ]
    }
}
