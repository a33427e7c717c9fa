package import Base
internal import JSON

/// What the engine says to a call.
package enum Verdict: ~Copyable, Sendable {
    case permit(Permit)
    case denial(Denial)
    case ask(ApprovalRequest)
}

/// The right to forward one call, once. Only `decide` makes it and forwarding consumes it.
package struct Permit: ~Copyable, Sendable {
    /// The name of the policy that decided.
    package let policyName: String
    /// Its stored version.
    package let policyVersion: Int
    /// The quota that this call took: part of its ledger row, and what settlement may have to release.
    package let reservations: [ReservationRecord]
    /// What would have been denied if the policy, or the entry, were not in shadow mode.
    package let shadow: Denial?
    private let limits: [CompiledLimit]
    private let remaining: [ExactDecimal]

    init(
        policy: CompiledPolicy, reservations: [ReservationRecord], limits: [CompiledLimit],
        remaining: [ExactDecimal], shadow: Denial?
    ) {
        policyName = policy.name
        policyVersion = policy.version
        self.reservations = reservations
        self.limits = limits
        self.remaining = remaining
        self.shadow = shadow
    }

    /// The limits that counted this call, for `_meta["sluice/limits"]`. Built when asked for.
    package var standings: [LimitStanding] {
        zip(limits, remaining).map { taken, remaining in
            LimitStanding(
                rule: taken.pointer, alias: taken.alias, limit: taken.max.description,
                remaining: remaining.description, windowMilliseconds: taken.window.span.microseconds / 1_000)
        }
    }

    /// Whether any limit counted this call.
    package var tookQuota: Bool { !remaining.isEmpty }

    /// `standings` as a JSON array, without making the values first.
    package func writeStandings(to json: inout [UInt8]) {
        json.append(UInt8(ascii: "["))
        for (position, (limit, remaining)) in zip(limits, remaining).enumerated() {
            if position > 0 { json.append(UInt8(ascii: ",")) }
            json.append(contentsOf: limit.standing)
            remaining.write(to: &json)
            json.append(UInt8(ascii: "}"))
        }
        json.append(UInt8(ascii: "]"))
    }

    /// Ends the permit: called by the step that sends the call on, which keeps what it may have to release.
    package consuming func forwarded() -> [ReservationRecord] { reservations }
}

/// One limit after a call was counted. Numbers are plain decimal text.
package struct LimitStanding: Sendable, Hashable {
    /// The pointer of the limit.
    package let rule: String
    /// Its readable form.
    package let alias: String
    /// `max`
    package let limit: String
    /// What is left inside the window.
    package let remaining: String
    /// The length of the window.
    package let windowMilliseconds: Int64
}

/// Why a call does not go on.
///
/// COST: a class, because a verdict carries room for one and nearly always none.
package final class Denial: Sendable {
    /// Closed, so that metrics stay bounded.
    package enum Reason: String, Sendable, CaseIterable {
        case noPolicy = "no_policy"
        case hidden
        case defaultDeny = "default_deny"
        case arguments
        case action
        case require
        case denyIf = "deny_if"
        case limit
        case budget
        /// The counters could not be asked: answer as for a failure of our own, not as a policy denial.
        case unavailable
    }

    /// The kind of rule that decided.
    package let reason: Reason
    /// An RFC 6901 pointer into the policy, or `(no policy)`, `(hidden)`, `(default deny)`, `(invalid arguments)`, `(budget)`.
    package let rule: String
    /// The readable form of `rule`; the same text when there is none.
    package let alias: String
    /// For the agent. Hidden tools, tools denied by default and tools that do not exist have one and the same text.
    package let message: String
    /// Nil if the grant has no policy.
    package let policyName: String?
    /// Nil if the grant has no policy.
    package let policyVersion: Int?
    /// The conditions of the rule, with what came of each.
    package let evidence: [Evidence]
    /// Only for limits. Nil: waiting does not help.
    package let retryAfterMs: Int64?
    /// `max` of the limit that denied.
    package let limit: String?
    /// What is left in the limit that denied; less than the call would cost.
    package let remaining: String?

    init(
        _ reason: Reason, rule: String, alias: String? = nil, message: String, policy: CompiledPolicy?,
        evidence: [Evidence] = [], retryAfterMs: Int64? = nil, limit: String? = nil, remaining: String? = nil
    ) {
        self.reason = reason
        self.rule = rule
        self.alias = alias ?? rule
        self.message = message
        policyName = policy?.name
        policyVersion = policy?.version
        self.evidence = evidence
        self.retryAfterMs = retryAfterMs
        self.limit = limit
        self.remaining = remaining
    }

    /// The rule as the agent may see it: nothing tells a hidden tool from one that does not exist.
    package var agentRule: String { reason == .hidden ? "(default deny)" : rule }

    /// What an agent reads when it calls a tool that it can't see, for whatever reason.
    package static func unknownTool(_ name: String) -> String {
        unknown(.tool, name)
    }

    /// The same for any subject.
    /// - Parameter name: as selectors write it.
    package static func unknown(_ subject: Subject, _ name: String) -> String {
        switch subject {
        case .tool: "Tool \"\(clipped(name))\" is not available."
        case .resource: "Resource \"\(clipped(String(name.dropFirst(9))))\" is not available."
        case .prompt: "Prompt \"\(clipped(String(name.dropFirst(7))))\" is not available."
        case .client: "No policy of this grant lets the server ask for \"\(clipped(name))\"."
        }
    }
}

/// One condition and what came of it; never a value from the call.
package struct Evidence: Sendable, Hashable {
    /// Pointer to the condition in the policy, or to the offending argument for a schema denial.
    package let condition: String
    /// The path as the policy writes it.
    package let path: String
    /// `holds`, `does_not_hold`, `missing` or `undetermined`.
    package let result: String
    /// More about it, for example the schema keyword.
    package let note: String?

    /// One line of evidence.
    package init(condition: String, path: String, result: String, note: String? = nil) {
        self.condition = condition
        self.path = path
        self.result = result
        self.note = note
    }
}

extension [Evidence] {
    /// A compact JSON array, for the ledger.
    package var json: String {
        var writer = JSONWriter()
        writer.beginArray()
        for item in self {
            writer.beginObject()
            writer.member("condition", item.condition)
            writer.member("path", item.path)
            writer.member("result", item.result)
            writer.memberIfPresent("note", item.note)
            writer.endObject()
        }
        writer.endArray()
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// The call waits for people.
package struct ApprovalRequest: Sendable, Hashable {
    /// The first rule that asks.
    package let rule: String
    /// Its readable form.
    package let alias: String
    /// Every rule that asks; when all are granted, pass them to `decide` as `approved`.
    package let rules: [String]
    /// For the agent, and for the people who are asked.
    package let message: String
    /// The shortest of the asking rules.
    package let timeout: TimeSpan
    /// How many people must agree: the highest of the asking rules.
    package let approvers: Int
    /// The conditions of the rule, with what came of each.
    package let evidence: [Evidence]
    /// The name of the policy that decided.
    package let policyName: String
    /// Its stored version.
    package let policyVersion: Int
}
