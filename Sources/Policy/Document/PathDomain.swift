internal import Base
internal import JSON

/// What a path can lead to, functions around it left aside.
struct PathDomain {
    private(set) var kinds: [JSONKind] = [.null, .boolean, .number, .string, .array, .object]
    private(set) var canBeAbsent = true
    /// All values, where they are few.
    private(set) var values: [Operand]?
    private(set) var text = TextDomain.any

    init(_ path: CompiledPath) {
        switch path.root {
        case .args:
            guard path.steps.isEmpty else {
                if !Self.isReachable(path) { kinds = [] }
                return
            }
            kinds = [.object]
            canBeAbsent = false
        case .toolAnnotations: break
        case .toolName, .serverName, .grantLabel:
            kinds = [.string]
            canBeAbsent = false
        case .toolSeverity, .grantIdentity, .clientName, .clientVersion, .sessionID, .requestIP: kinds = [.string]
        case .toolCategory:
            kinds = [.string]
            values = ToolCategory.allCases.map { .text($0.rawValue) }
        case .timeHour: keep(0...23)
        case .timeMinute: keep(0...59)
        case .timeWeekday: keep(1...7)
        case .timeDate:
            kinds = [.string]
            canBeAbsent = false
            text = .date
        }
    }

    private mutating func keep(_ numbers: ClosedRange<Int64>) {
        kinds = [.number]
        canBeAbsent = false
        values = numbers.map { .integer($0) }
    }

    /// The arguments are an object, so a path that starts with an index leads nowhere.
    static func isReachable(_ path: CompiledPath) -> Bool {
        guard path.root == .args, let first = path.steps.first else { return true }
        if case .key = first { return true }
        return false
    }

    /// What the whole path, its function included, always gives, as a sentence; nil if that can be anything.
    static func sentence(_ path: CompiledPath) -> String? {
        let name = "`\(clipped(path.text))`"
        switch path.function {
        case .len: return "\(name) is a whole number from 0, of a string, an array or an object"
        case .lower: return "\(name) is a string in lower case"
        case .host: return "\(name) is a host in its canonical form: lower case, no port, no dot at the end"
        case .type: return "\(name) is one of \(typeWords.joined(separator: ", "))"
        case nil: break
        }
        switch path.root {
        case .args where path.steps.isEmpty: return "the arguments of a call are an object"
        case .args: return isReachable(path) ? nil : "the arguments of a call are an object, and its members have names"
        case .toolAnnotations: return nil
        case .toolCategory: return "\(name) is one of \(ToolCategory.allCases.map(\.rawValue).joined(separator: ", "))"
        case .timeHour: return "\(name) is a whole number from 0 to 23"
        case .timeMinute: return "\(name) is a whole number from 0 to 59"
        case .timeWeekday: return "\(name) is a whole number from 1 (Monday) to 7"
        case .timeDate: return "\(name) is a date such as \"2026-01-05\""
        case .toolName, .serverName, .grantLabel: return "\(name) is always there, and a string"
        case .toolSeverity, .grantIdentity, .clientName, .clientVersion, .sessionID, .requestIP:
            return "\(name) is a string"
        }
    }

    /// A value that the path can have and that the author most likely meant by one that it can't.
    static func suggestion(_ path: CompiledPath, for literal: Literal) -> String? {
        guard literal.kind == .string else { return nil }
        let text = String(decoding: literal.bytes, as: UTF8.self)
        switch (path.function, path.root) {
        case (.lower, _): return text.lowercased()
        case (.host, _):
            return HostName.of(url: literal.bytes) ?? HostName.of(url: Array("http://".utf8) + literal.bytes)
        case (.type, _):
            let lower = text.lowercased()
            return typeWords.contains(lower) ? lower : nearest(lower, among: typeWords)
        case (nil, .toolCategory): return nearest(text.lowercased(), among: ToolCategory.allCases.map(\.rawValue))
        default: return nil
        }
    }

    private static let typeWords = ([.null, .boolean, .number, .string, .array, .object] as [JSONKind]).map(\.word)
}
