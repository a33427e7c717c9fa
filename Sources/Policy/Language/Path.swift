/// Where a path starts.
enum PathRoot: Hashable, Sendable {
    case args
    case toolName, toolCategory, toolSeverity, toolAnnotations
    case serverName
    case grantLabel, grantIdentity
    case clientName, clientVersion
    case sessionID
    case timeHour, timeMinute, timeWeekday, timeDate
    case requestIP

    /// The JSON document behind the root may be walked further.
    var isDocument: Bool { self == .args || self == .toolAnnotations }

    var isClient: Bool { self == .clientName || self == .clientVersion }

    static let fields: [(object: String, fields: [(String, PathRoot)])] = [
        ("args", []),
        (
            "tool",
            [
                ("name", .toolName), ("category", .toolCategory), ("severity", .toolSeverity),
                ("annotations", .toolAnnotations),
            ]
        ),
        ("server", [("name", .serverName)]),
        ("grant", [("label", .grantLabel), ("identity", .grantIdentity)]),
        ("client", [("name", .clientName), ("version", .clientVersion)]),
        ("session", [("id", .sessionID)]),
        ("time", [("hour", .timeHour), ("minute", .timeMinute), ("weekday", .timeWeekday), ("date", .timeDate)]),
        ("request", [("ip", .requestIP)]),
    ]
}

enum PathStep: Hashable, Sendable {
    case key(String)
    /// Negative: from the end.
    case index(Int)
    case all
}

enum PathFunction: String, Hashable, Sendable, CaseIterable {
    case len, lower, host, type
}

/// A path, read once.
final class CompiledPath: Sendable {
    /// A step as the evaluation takes it.
    ///
    /// COST: holds no reference, so that walking a path counts none.
    enum Move: Sendable {
        /// Where the name stands in the path's `names`.
        case key(Range<Int>)
        /// Negative: from the end.
        case index(Int)
        case all
    }

    let function: PathFunction?
    let root: PathRoot
    let steps: [PathStep]
    let moves: [Move]
    /// The UTF-8 of all keys.
    let names: [UInt8]
    /// As the policy writes it.
    let text: String
    let isMany: Bool

    init(function: PathFunction?, root: PathRoot, steps: [PathStep], text: String) {
        self.function = function
        self.root = root
        self.steps = steps
        self.text = text
        var names: [UInt8] = []
        moves = steps.map { step in
            switch step {
            case .key(let key):
                names.append(contentsOf: key.utf8)
                return .key(names.count - key.utf8.count..<names.count)
            case .index(let index): return .index(index)
            case .all: return .all
            }
        }
        self.names = names
        isMany = steps.contains(.all)
    }
}

/// What is wrong with a path.
struct PathError: Error, Hashable {
    var code: ProblemCode
    var message: String
    var suggestion: String?
}
