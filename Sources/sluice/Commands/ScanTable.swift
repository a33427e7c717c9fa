import Catalogue
import Policy
import Risk
import Scanner

/// A scan for people at a terminal. Everything of the servers' is made visible: no escape sequence gets through.
enum ScanTable {
    /// How many attacks are named; the others are in the JSON.
    private static let most = 10

    /// - Parameter withPolicy: the recommended policy of a single server, too.
    static func print(_ report: ScanReport, withPolicy: Bool) {
        for (index, server) in report.servers.enumerated() {
            if index > 0 { Output.print("") }
            print(server)
            guard withPolicy, !server.tools.isEmpty else { continue }
            if report.isOfMany {
                Output.print("\nrecommended policy: --policy-out FOLDER writes it")
            } else {
                if !server.poisoned.isEmpty {
                    let names = server.poisoned.map(Visible.name).joined(separator: ", ")
                    Output.print("\nleft out of the policy because of what is hidden in them: \(names)")
                }
                let text = PrettyJSON.text(server.recommendation.policy)
                Output.print("\nrecommended policy (--policy-out FILE writes it):")
                Output.print(Visible.lines(text, limit: 100_000, count: 100_000), terminator: "")
            }
        }
        if !report.findings.isEmpty {
            Output.print("\nseveral servers together:")
            for finding in report.findings { print(finding, at: finding.place) }
        }
        guard !report.skipped.isEmpty else { return }
        if !report.servers.isEmpty { Output.print("") }
        Output.print("not scanned:")
        for server in report.skipped {
            Output.print("  \(Visible.name(server.name)) (\(Visible.text(server.source, limit: 200))): \(server.why)")
        }
    }

    private static func print(_ server: ScannedServer) {
        Output.print("\(Visible.name(server.name)): \(server.summary)")
        for text in server.material.incomplete { Output.print("not read whole: \(Visible.text(text))") }
        if !server.tools.isEmpty {
            Output.print("")
            Output.table(
                ["TOOL", "CATEGORY", "SEVERITY", "SIGNALS"],
                server.tools.map { tool in
                    let verdict = tool.classification
                    let signals = verdict.signals.map { Visible.text($0.text, limit: 120) }.joined(separator: "; ")
                    return [
                        Visible.name(tool.definition.name), verdict.category.rawValue, tool.assessment.risk.rawValue,
                        signals.isEmpty ? "–" : signals,
                    ]
                })
        }
        let count = server.allFindings.count
        Output.print("\n\(count == 0 ? "no findings" : count == 1 ? "1 finding:" : "\(count) findings:")")
        for tool in server.tools { for finding in tool.findings { print(finding, at: finding.place) } }
        for placed in server.findings { print(placed.finding, at: placed.place) }
        let attacks = server.attacks
        if !attacks.isEmpty {
            Output.print("\nknown attacks that abuse such tools ('sluice attacks show ID' tells of one):")
            Output.table(
                ["ID", "TOOLS", "ATTACK"],
                attacks.prefix(most).map { [$0.attack.id, "\($0.tools.count)", $0.attack.title] })
            if attacks.count > most { Output.print("and \(attacks.count - most) more; --json names all") }
        }
        if let changes = server.changes {
            Output.print("\nsince the earlier scan:")
            for line in changes.lines { Output.print("  \(line)") }
        }
    }

    private static func print(_ finding: MetadataFinding, at place: String) {
        let tool = finding.tool.map { "\(Visible.name($0)) " } ?? ""
        Output.print(
            "  \(finding.severity.rawValue)  \(finding.code.rawValue)  \(tool)\(Visible.text(place, limit: 200))")
        Output.print("    \(Visible.text(finding.text))")
        if !finding.quote.isEmpty { Output.print("    “\(Visible.text(finding.quote))”") }
        Output.print("    mend: \(Visible.text(finding.mend))")
    }
}
