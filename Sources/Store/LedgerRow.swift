import Base
import JSON

/// How a decision, or the call it let through, ended. The numbers are what the file holds: never reuse one.
package enum Outcome: Int, Sendable, CaseIterable {
    case allowed = 0
    case denied = 1
    case shadowDenied = 2
    case approved = 3
    case rejected = 4
    case expired = 5
    case error = 6

    /// The contract's word, for example `shadow_denied`.
    package var name: String {
        switch self {
        case .allowed: "allowed"
        case .denied: "denied"
        case .shadowDenied: "shadow_denied"
        case .approved: "approved"
        case .rejected: "rejected"
        case .expired: "expired"
        case .error: "error"
        }
    }

    package init?(name: String) {
        guard let outcome = Outcome.allCases.first(where: { $0.name == name }) else { return nil }
        self = outcome
    }

    /// Whether a decision of this outcome lets the call go on, so that its reservations count.
    package var letsThrough: Bool {
        switch self {
        case .allowed, .shadowDenied, .approved: true
        case .denied, .rejected, .expired, .error: false
        }
    }
}

/// One row of the ledger: a decision, or the outcome of an earlier decision. Argument values have no place in it.
package struct LedgerRow: Sendable, Equatable {
    /// 1 for the first row, without gaps; the ledger gives it.
    package var seq: Int64 = 0
    /// When it was decided, or ended.
    package var time: Instant
    /// On outcome rows, the `seq` of the decision; nil on decisions.
    package var decision: Int64?
    /// The `X-Request-Id` that the caller was given.
    package var requestID: String
    /// The server called; nil on outcome rows, like all that the decision says already.
    package var server: String?
    /// The grant's id.
    package var grantID: String?
    /// The grant's label at that time.
    package var grantLabel: String?
    /// Whom the grant was made out to.
    package var identity: String?
    /// The MCP session of the call.
    package var sessionID: String?
    /// The JSON-RPC method.
    package var method: String?
    /// The tool of a `tools/call`.
    package var tool: String?
    /// Top-level names of the arguments; the ledger sorts them.
    package var argumentKeys: [String] = []
    /// The keyed hash of the arguments.
    package var argumentDigest: ArgumentDigest?
    /// The policy that decided.
    package var policy: String?
    /// That policy's version.
    package var policyVersion: Int?
    /// How it ended.
    package var outcome: Outcome
    /// Whether the policy only watches: the call went on whatever the outcome says.
    package var isShadow = false
    /// The rule that decided.
    package var rule: String?
    /// The name that the policy gives the rule.
    package var ruleAlias: String?
    /// What the caller was told, or the reason of a failure.
    package var message: String?
    /// What the rule saw, without argument values.
    package var evidence: String?
    /// The policy engine's own text about the quota that was taken.
    package var reservations: String?
    /// On outcome rows: the quota that the decision took was given back.
    package var isReleased = false
    /// The HTTP status of the upstream's answer.
    package var upstreamStatus: Int?
    /// From the arrival of the call to its end.
    package var latencyMicroseconds: Int64?
    /// Size of the call's message.
    package var requestBytes: Int64?
    /// Size of the answer's message.
    package var responseBytes: Int64?
    /// SHA-256 over the previous row's hash and this row; empty until the row was read from the ledger.
    package var hash: [UInt8] = []
    /// 32 zeros for the first row; empty until the row was read from the ledger.
    package var previousHash: [UInt8] = []

    package init(time: Instant, requestID: String, outcome: Outcome) {
        self.time = time
        self.requestID = requestID
        self.outcome = outcome
    }

    /// The row that tells how an allowed call ended.
    package static func outcome(
        of decision: Int64, time: Instant, requestID: String, outcome: Outcome, isReleased: Bool = false,
        message: String? = nil, upstreamStatus: Int? = nil, latencyMicroseconds: Int64? = nil,
        responseBytes: Int64? = nil
    ) -> LedgerRow {
        var row = LedgerRow(time: time, requestID: requestID, outcome: outcome)
        row.decision = decision
        row.isReleased = isReleased
        row.message = message
        row.upstreamStatus = upstreamStatus
        row.latencyMicroseconds = latencyMicroseconds
        row.responseBytes = responseBytes
        return row
    }

    /// The row as one line of JSON with the contract's names, plus `decision_seq`, `shadow`, `reservations` and `released`.
    package func json() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        func put(_ key: String, _ text: String?) {
            writer.key(key)
            if let text { writer.string(text) } else { writer.null() }
        }
        func put(_ key: String, _ number: Int64?) {
            writer.key(key)
            if let number { writer.int(number) } else { writer.null() }
        }
        put("seq", seq)
        put("time", time.iso8601)
        put("decision_seq", decision)
        put("request_id", requestID)
        put("server", server)
        put("grant_id", grantID)
        put("grant_label", grantLabel)
        put("identity", identity)
        put("session_id", sessionID)
        put("method", method)
        put("tool", tool)
        writer.key("argument_keys")
        writer.beginArray()
        for key in argumentKeys { writer.string(key) }
        writer.endArray()
        put("argument_digest", argumentDigest?.hex)
        put("policy", policy)
        put("policy_version", policyVersion.map(Int64.init))
        put("outcome", outcome.name)
        writer.key("shadow")
        writer.bool(isShadow)
        put("rule", rule)
        put("rule_alias", ruleAlias)
        put("message", message)
        put("evidence", evidence)
        put("reservations", reservations)
        writer.key("released")
        writer.bool(isReleased)
        put("upstream_status", upstreamStatus.map(Int64.init))
        put("latency_us", latencyMicroseconds)
        put("request_bytes", requestBytes)
        put("response_bytes", responseBytes)
        put("hash", hash.isEmpty ? nil : Hex.encode(hash))
        put("previous_hash", previousHash.isEmpty ? nil : Hex.encode(previousHash))
        writer.endObject()
        return writer.bytes
    }
}
