package import Base
package import JSON

/// Everything that can be wrong with a policy. The texts are stable: users and scripts rely on them, none is reused.
enum ProblemCode: String, Sendable, CaseIterable {
    // The text
    case tooLarge = "policy.too_large"
    case notJSON = "policy.not_json"
    case duplicateKey = "policy.duplicate_key"
    case tooDeep = "policy.too_deep"
    // The shape
    case unknownField = "policy.unknown_field"
    case missingField = "policy.missing_field"
    case wrongType = "policy.wrong_type"
    case tooMany = "policy.too_many"
    case conflictingFields = "policy.conflicting_fields"
    // The words
    case unknownVersion = "policy.unknown_version"
    case unknownValue = "policy.unknown_value"
    case unknownOperator = "policy.unknown_operator"
    case unknownScope = "policy.unknown_scope"
    case unknownWindow = "policy.unknown_window"
    case unknownFunction = "policy.unknown_function"
    case unknownRoot = "policy.unknown_root"
    case badPath = "policy.bad_path"
    case badSelector = "policy.bad_selector"
    case badValue = "policy.bad_value"
    case badRegex = "policy.bad_regex"
    case badNetwork = "policy.bad_network"
    case badDirectory = "policy.bad_directory"
    case badMax = "policy.bad_max"
    case badCounter = "policy.bad_counter"
    case badTimeout = "policy.bad_timeout"
    case badApprovers = "policy.bad_approvers"
    case counterConflict = "policy.counter_conflict"
    // Warnings
    case hiddenAndListed = "policy.hidden_and_listed"
    case neverMatters = "policy.never_matters"
    case neverHolds = "policy.never_holds"
    case toolsOnly = "policy.tools_only"
    case unguardedDeny = "policy.unguarded_deny_if"
    case clientGuard = "policy.client_guard"
    case emptyList = "policy.empty_list"
    case unknownTool = "policy.unknown_tool"
    case unmatchedSelector = "policy.unmatched_selector"
}

/// One thing that is wrong, or odd, in a policy or in a document that becomes one, and where.
package struct PolicyProblem: Sendable, Hashable {
    /// Errors keep a policy from being used; warnings don't.
    package enum Severity: String, Sendable {
        case error, warning
    }

    /// Whether the policy can be used all the same.
    package let severity: Severity
    /// Stable, for example `policy.unknown_field`.
    package let code: String
    /// From 1.
    package let line: Int
    /// From 1, in bytes of UTF-8.
    package let column: Int
    /// RFC 6901; empty for the whole document.
    package let pointer: String
    /// One sentence in lower case without a final period.
    package let message: String
    /// What the author most likely meant.
    package let suggestion: String?
    /// What to do about it, in the form of `message`.
    package let mend: String?

    /// An error with a code of another module's.
    /// - Parameters:
    ///   - code: Stable; with the module's prefix.
    ///   - pointer: RFC 6901, into the document that has the problem.
    package init(code: String, at position: SourcePosition, pointer: String, message: String, mend: String?) {
        severity = .error
        self.code = code
        line = position.line
        column = position.column
        self.pointer = pointer
        self.message = message
        suggestion = nil
        self.mend = mend
    }

    init(
        _ severity: Severity, _ code: ProblemCode, at position: SourcePosition, pointer: String, message: String,
        suggestion: String? = nil
    ) {
        self.severity = severity
        self.code = code.rawValue
        line = position.line
        column = position.column
        self.pointer = pointer
        self.message = message
        self.suggestion = suggestion
        mend = nil
    }

    /// `file:line:column: error: message (code, at /pointer); did you mean …?`, or what to do after the semicolon
    package func text(file: String) -> String {
        let hint = suggestion.map { "; did you mean `\($0)`?" } ?? mend.map { "; \($0)" } ?? ""
        let place = pointer.isEmpty ? "" : ", at \(pointer)"
        return "\(file):\(line):\(column): \(severity.rawValue): \(message) (\(code)\(place))\(hint)"
    }

    /// Appends the problem as one JSON object.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("severity", severity.rawValue)
        writer.member("code", code)
        writer.member("line", line)
        writer.member("column", column)
        writer.member("pointer", pointer)
        writer.member("message", message)
        writer.memberIfPresent("suggestion", suggestion)
        writer.memberIfPresent("mend", mend)
        writer.endObject()
    }

    /// In the order of the text, errors before warnings at the same place.
    package static func ordered(_ problems: [PolicyProblem]) -> [PolicyProblem] {
        problems.enumerated().sorted { a, b in
            let (x, y) = (a.element, b.element)
            if (x.line, x.column) != (y.line, y.column) { return (x.line, x.column) < (y.line, y.column) }
            if x.severity != y.severity { return x.severity == .error }
            return a.offset < b.offset
        }.map(\.element)
    }
}
