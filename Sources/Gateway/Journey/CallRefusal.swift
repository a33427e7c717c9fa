import JSON
import MCP
import Policy
import Store

/// A call that does not go on: what the ledger keeps, and what the agent is told.
struct CallRefusal: Sendable {
    let rule: String
    let alias: String
    /// The rule's name for the agent; says nothing of hidden tools.
    let agentRule: String
    let message: String
    var evidence: String?
    var policyName: String?
    var policyVersion: Int?
    var retryAfterMs: Int64?
    var limit: String?
    var remaining: String?

    init(rule: String, message: String) {
        self.rule = rule
        alias = rule
        agentRule = rule
        self.message = message
    }

    init(_ denial: Denial) {
        rule = denial.rule
        alias = denial.alias
        agentRule = denial.agentRule
        message = denial.message
        evidence = denial.evidence.isEmpty ? nil : denial.evidence.json
        policyName = denial.policyName
        policyVersion = denial.policyVersion
        retryAfterMs = denial.retryAfterMs
        limit = denial.limit
        remaining = denial.remaining
    }

    /// The grant or the session ended while the call waited.
    static let grantEnded = CallRefusal(rule: "(grant ended)", message: "This grant may no longer call the server.")

    /// Each page would be a decision of its own.
    static let tooManyPages = CallRefusal(
        rule: "(too many pages)", message: "The server sends the client to too many pages at once.")

    /// Looks like a call of a hidden tool, so that probing tells an agent nothing.
    static func unknownTool(_ name: String, policy: CompiledPolicy?) -> CallRefusal {
        var refusal = CallRefusal(
            rule: "(unknown tool)", agentRule: "(default deny)", message: Denial.unknownTool(name))
        refusal.policyName = policy?.name
        refusal.policyVersion = policy?.version
        return refusal
    }

    /// A URI that servers may read as another than the policy's patterns do.
    static func oddSpelling(_ policy: CompiledPolicy) -> CallRefusal {
        var refusal = CallRefusal(
            rule: "(odd URI)",
            message:
                "This policy judges resources by URI, and this one is not written in its normal form (RFC 3986, 6.2.2)."
        )
        refusal.policyName = policy.name
        refusal.policyVersion = policy.version
        return refusal
    }

    /// People can't be asked yet, so what needs a person is refused.
    static func needsApproval(_ request: ApprovalRequest) -> CallRefusal {
        var refusal = CallRefusal(
            rule: request.rule, agentRule: request.rule,
            message: "\(request.message) This gateway can't ask anybody yet.")
        refusal.policyName = request.policyName
        refusal.policyVersion = request.policyVersion
        refusal.evidence = request.evidence.isEmpty ? nil : request.evidence.json
        return refusal
    }

    private init(rule: String, agentRule: String, message: String) {
        self.rule = rule
        alias = rule
        self.agentRule = agentRule
        self.message = message
    }

    /// The member of `_meta` that a denied call's result carries.
    static let metaKey = "sluice/decision"

    func meta(requestID: String) -> JSONValue {
        var members = [
            JSONMember("outcome", "denied"), JSONMember("rule", .string(agentRule)),
            JSONMember("requestId", .string(requestID)),
        ]
        if let retryAfterMs { members.append(JSONMember("retryAfterMs", .int(retryAfterMs))) }
        if let limit { members.append(JSONMember("limit", Self.number(limit))) }
        if let remaining { members.append(JSONMember("remaining", Self.number(remaining))) }
        return .object(members)
    }

    static func number(_ text: String) -> JSONValue { JSONNumber(text).map(JSONValue.number) ?? .string(text) }

    var text: String { "[POLICY DENIED] \(message)" }

    /// What the agent is told. A tool's result can say that it failed, and a model reads it; other results can't, so it is an
    /// error: what can't be seen looks as if it did not exist.
    func answer(to errand: Errand, _ visit: Visit) -> [UInt8] {
        answer(to: errand, visit.id, visit.requestID, visit.profile.era)
    }

    func answer(to errand: Errand, _ id: RequestID, _ requestID: String, _ era: Era) -> [UInt8] {
        let meta = meta(requestID: requestID)
        switch errand.subject {
        case .tool:
            return ToolAnswer.failure(
                id: id, text: text, metaKey: Self.metaKey, meta: meta, isModern: era == .modern)
        case .resource, .prompt, .client:
            guard agentRule == "(default deny)" else {
                return RPCWriter.error(
                    id: id, code: .denied, message: text, data: ["reason": "policy", "decision": meta])
            }
            guard errand.subject == .resource else {
                return RPCWriter.error(id: id, code: .invalidParams, message: message)
            }
            let number = era == .modern ? -32_602 : -32_002
            return RPCWriter.error(id: id, number: number, message: message, data: ["uri": .string(errand.name)])
        }
    }
}
