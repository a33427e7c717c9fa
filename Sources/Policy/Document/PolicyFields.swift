/// The fields of each kind of object in a policy. The reader refuses every other name, and the editors' schema is
/// generated from these lists by exhaustive switches: a field that only one of them knows does not compile.
enum DocumentField: String, CaseIterable {
    case version, description, `default`, mode, list, hide, arguments
    case allTools = "all_tools"
    case tools

    // COST: computed once; a document may have thousands of entries, rules and conditions.
    static let names = allCases.map(\.rawValue)
}

enum ArgumentsField: String, CaseIterable {
    case schema, unknown

    static let names = allCases.map(\.rawValue)
}

enum EntryField: String, CaseIterable {
    case action, reason, require
    case denyIf = "deny_if"
    case approveIf = "approve_if"
    case limits
    case rateLimit = "rate_limit"
    case mode

    static let names = allCases.map(\.rawValue)
}

/// Of a rule beside its conditions, or beside its only condition's fields.
enum RuleField: String, CaseIterable {
    case conditions
    case onDeny = "on_deny"
    case onError = "on_error"

    /// With those of the short form.
    static let names = allCases.map(\.rawValue) + ConditionField.names
}

/// What a rule of `approve_if` has beside the fields of every rule.
enum ApprovalField: String, CaseIterable {
    case timeout, approvers

    static let names = RuleField.names + allCases.map(\.rawValue)
}

enum ConditionField: String, CaseIterable {
    case path, op, value, each

    static let names = allCases.map(\.rawValue)
}

enum LimitField: String, CaseIterable {
    case counter, window, max, scope, cost
    case incrementFrom = "increment_from"
    case algorithm
    case onDeny = "on_deny"

    static let names = allCases.map(\.rawValue)
}

enum RateLimitField: String, CaseIterable {
    case max, window

    static let names = allCases.map(\.rawValue)
}

/// The words that fields of a document can have. Those of rules and limits are the engine's own types.
enum PolicyWords {
    enum Default: String, CaseIterable { case allow, deny }
    enum Mode: String, CaseIterable { case enforce, shadow }
    enum Listing: String, CaseIterable { case callable, all }
    enum SchemaCheck: String, CaseIterable { case enforce, off }
    enum Unknown: String, CaseIterable { case schema, deny }
    enum OnError: String, CaseIterable { case deny, ignore }
    /// Windows with a name, and their seconds.
    enum Window: String, CaseIterable {
        case second, minute, hour, day, week

        var seconds: Int64 {
            switch self {
            case .second: 1
            case .minute: 60
            case .hour: 3_600
            case .day: 86_400
            case .week: 604_800
            }
        }
    }
    /// What stands behind the number in `"90s"`.
    enum Unit: String, CaseIterable {
        case s, m, h, d

        var seconds: Int64 {
            switch self {
            case .s: 1
            case .m: 60
            case .h: 3_600
            case .d: 86_400
            }
        }
    }
}
