import Base
import Store

/// The ledger as CSV (RFC 4180) with the contract's column names.
enum LedgerCSV {
    private static let columns: [(name: String, text: @Sendable (LedgerRow) -> String?)] = [
        ("seq", { "\($0.seq)" }), ("time", { $0.time.iso8601 }), ("decision_seq", { $0.decision.map { "\($0)" } }),
        ("request_id", { $0.requestID }), ("server", { $0.server }), ("grant_id", { $0.grantID }),
        ("grant_label", { $0.grantLabel }), ("identity", { $0.identity }), ("session_id", { $0.sessionID }),
        ("method", { $0.method }), ("tool", { $0.tool }), ("argument_keys", { $0.argumentKeys.joined(separator: " ") }),
        ("argument_digest", { $0.argumentDigest?.hex }), ("policy", { $0.policy }),
        ("policy_version", { $0.policyVersion.map { "\($0)" } }), ("outcome", { $0.outcome.name }),
        ("rule", { $0.rule }), ("rule_alias", { $0.ruleAlias }), ("message", { $0.message }),
        ("evidence", { $0.evidence }), ("upstream_status", { $0.upstreamStatus.map { "\($0)" } }),
        ("latency_us", { $0.latencyMicroseconds.map { "\($0)" } }),
        ("request_bytes", { $0.requestBytes.map { "\($0)" } }),
        ("response_bytes", { $0.responseBytes.map { "\($0)" } }), ("hash", { Hex.encode($0.hash) }),
        ("previous_hash", { Hex.encode($0.previousHash) }),
    ]

    static var heading: [UInt8] { Array((columns.map(\.name).joined(separator: ",") + "\r\n").utf8) }

    static func line(_ row: LedgerRow) -> [UInt8] {
        Array((columns.map { field($0.text(row) ?? "") }.joined(separator: ",") + "\r\n").utf8)
    }

    /// Quoted where needed. A text that a spreadsheet would take for a formula gets a quote mark in front.
    private static func field(_ text: String) -> String {
        var text = text
        if let first = text.utf8.first, [0x3D, 0x2B, 0x2D, 0x40, 0x09, 0x0D].contains(first) { text = "'" + text }
        let needsQuotes = text.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
        guard needsQuotes else { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}
