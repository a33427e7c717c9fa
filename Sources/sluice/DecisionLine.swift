import Base
import Store

/// One row of the ledger as one line for people.
enum DecisionLine {
    /// Outcome rows of calls that simply worked say nothing new.
    static func isShown(_ row: LedgerRow) -> Bool { row.decision == nil || row.outcome == .error }

    /// `2026-01-05 10:00:00.123  denied  studio/imageMasking  demo  /tools/…/imagemasking_rate  message`
    static func text(of row: LedgerRow) -> String {
        let time = row.time.iso8601
        var parts = ["\(time.prefix(10)) \(time.dropFirst(11).prefix(12))"]
        if let decision = row.decision {
            parts += ["↳ \(row.outcome.name)", "of row \(decision)"]
        } else {
            parts.append(row.outcome.name)
            let target = [row.server, row.tool ?? row.method].compactMap { $0 }.joined(separator: "/")
            parts.append(target.isEmpty ? "-" : target)
            parts.append(row.grantLabel ?? row.grantID ?? "no grant")
        }
        if let rule = row.ruleAlias ?? row.rule { parts.append(rule) }
        if let message = row.message { parts.append(message) }
        if let status = row.upstreamStatus, row.decision != nil { parts.append("upstream \(status)") }
        if let latency = row.latencyMicroseconds, row.decision != nil { parts.append("\(latency / 1_000) ms") }
        return Output.clean(parts.joined(separator: "  "))
    }
}
