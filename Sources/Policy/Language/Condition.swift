internal import Base
internal import JSON

/// The operators of conditions, by the name policies use.
enum Operator: String, Sendable, CaseIterable {
    case eq, neq
    case lt, lte, gt, gte
    case `in`, notIn = "not_in"
    case regex, notRegex = "not_regex"
    case contains, notContains = "not_contains"
    case startsWith = "starts_with", endsWith = "ends_with"
    case exists
    case subsetOf = "subset_of"
    case pathWithin = "path_within"
    case cidrIn = "cidr_in", notCidrIn = "not_cidr_in"
}

/// What came of a condition.
enum Truth: UInt8, Sendable {
    case holds, fails, missing, undetermined

    /// As evidence names it.
    var word: String {
        switch self {
        case .holds: "holds"
        case .fails: "does_not_hold"
        case .missing: "missing"
        case .undetermined: "undetermined"
        }
    }

    init(_ holds: Bool) {
        self = holds ? .holds : .fails
    }

    func negated(if negated: Bool) -> Truth {
        guard negated else { return self }
        switch self {
        case .holds: return .fails
        case .fails: return .holds
        case .missing, .undetermined: return self
        }
    }
}

/// How many of the values that `[*]` yields have to satisfy a condition.
enum Quantifier: String, Sendable, CaseIterable {
    case any, all
}

/// A value of the policy, read once for fast comparison.
///
/// COST: the compiled parts are classes, because the evaluation passes them about and a reference costs one count.
final class Literal: Sendable {
    let view: JSONView
    let kind: JSONKind
    /// The decoded text of a string; empty otherwise.
    let bytes: [UInt8]
    /// The number if it has at most 18 digits and no exponent.
    let short: ShortNumber?

    init(_ view: JSONView) {
        self.view = view
        kind = view.kind
        bytes = view.stringBytes ?? []
        short = view.shortNumber
    }
}

/// What a condition asks of a value.
enum Test: Sendable {
    case equal(Literal, negated: Bool)
    case order(Order, Literal)
    case member([Literal], negated: Bool)
    case match(Pattern, negated: Bool)
    case contain(Literal, negated: Bool)
    case start([UInt8])
    case end([UInt8])
    case exist(Bool)
    case subset([Literal])
    case within([DirectoryPath])
    case network([IPNetwork], negated: Bool)

    enum Order: Sendable {
        case less, lessOrEqual, greater, greaterOrEqual

        func holds(_ comparison: Int) -> Bool {
            switch self {
            case .less: comparison < 0
            case .lessOrEqual: comparison <= 0
            case .greater: comparison > 0
            case .greaterOrEqual: comparison >= 0
            }
        }
    }
}

final class CompiledCondition: Sendable {
    let path: CompiledPath
    let test: Test
    let op: Operator
    /// Nil: the list that the rule stands in decides.
    let each: Quantifier?
    let pointer: String

    init(path: CompiledPath, test: Test, op: Operator, each: Quantifier?, pointer: String) {
        self.path = path
        self.test = test
        self.op = op
        self.each = each
        self.pointer = pointer
    }
}

final class CompiledRule: Sendable {
    let conditions: [CompiledCondition]
    /// `on_deny`
    let message: String?
    /// `on_error: "ignore"`
    let ignoresErrors: Bool
    let pointer: String
    let alias: String

    init(conditions: [CompiledCondition], message: String?, ignoresErrors: Bool, pointer: String, alias: String) {
        self.conditions = conditions
        self.message = message
        self.ignoresErrors = ignoresErrors
        self.pointer = pointer
        self.alias = alias
    }
}

struct CompiledApproval: Sendable {
    let rule: CompiledRule
    let timeout: TimeSpan
    let approvers: Int
}

final class CompiledLimit: Sendable {
    /// The counter but for who calls.
    let kind: CounterKind
    let max: ExactDecimal
    /// Nil: every call costs 1.
    let cost: CompiledPath?
    let message: String?
    let pointer: String
    let alias: String
    let isShadow: Bool
    /// The limit's standing as JSON up to what remains, which is all that varies.
    let standing: [UInt8]

    init(
        kind: CounterKind, max: ExactDecimal, cost: CompiledPath?, message: String?, pointer: String, alias: String,
        isShadow: Bool
    ) {
        self.kind = kind
        self.max = max
        self.cost = cost
        self.message = message
        self.pointer = pointer
        self.alias = alias
        self.isShadow = isShadow
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("rule", pointer)
        writer.key("limit")
        writer.raw(max.description)
        writer.member("windowMs", kind.window.span.microseconds / 1_000)
        writer.key("remaining")
        standing = writer.bytes
    }

    var scope: QuotaScope { kind.scope }
    var window: QuotaWindow { kind.window }
    /// Names of the engine's own making mean nothing on another server.
    var spansServers: Bool { kind.isNamed && (kind.scope == .identity || kind.scope == .global) }
}

/// An entry of `tools`, or `all_tools`.
final class CompiledEntry: Sendable {
    enum Action: String, Sendable, CaseIterable {
        case allow, deny
        case requireApproval = "require_approval"
    }

    let selector: Selector
    let pointer: String
    let action: Action
    let reason: String?
    let require: [CompiledRule]
    let denyIf: [CompiledRule]
    let approveIf: [CompiledApproval]
    let limits: [CompiledLimit]
    let isShadow: Bool

    init(
        selector: Selector, pointer: String, action: Action, reason: String?, require: [CompiledRule],
        denyIf: [CompiledRule], approveIf: [CompiledApproval], limits: [CompiledLimit], isShadow: Bool
    ) {
        self.selector = selector
        self.pointer = pointer
        self.action = action
        self.reason = reason
        self.require = require
        self.denyIf = denyIf
        self.approveIf = approveIf
        self.limits = limits
        self.isShadow = isShadow
    }

    /// Says nothing beyond "listed".
    var isEmpty: Bool {
        action == .allow && require.isEmpty && denyIf.isEmpty && approveIf.isEmpty && limits.isEmpty
    }
}
