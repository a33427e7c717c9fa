import Catalogue
import MCP
import Policy
import Risk

/// A scan as one page of HTML: nothing is loaded, nothing runs, and what servers say is quoted.
package struct ScanHTML {
    private let report: ScanReport
    private let version: String
    private var page = ""

    /// The page.
    /// - Parameter version: of the program.
    package static func text(_ report: ScanReport, version: String) -> String {
        var html = ScanHTML(report, version)
        html.write()
        return html.page
    }

    private init(_ report: ScanReport, _ version: String) {
        self.report = report
        self.version = version
    }

    private static let style = """
        :root{color-scheme:light dark;--line:#c9ccd1;--soft:#f3f4f6;--ink:#1b1f24;--dim:#4d5661;--back:#fff;--bad:#a31621}
        @media(prefers-color-scheme:dark){:root{--line:#444c56;--soft:#22272e;--ink:#e6e9ed;--dim:#aab4bf;--back:#16191d;--bad:#ff9a94}}
        body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:72rem;margin:0 auto;padding:1rem}
        h1{font-size:1.5rem}h2{font-size:1.25rem;margin-top:2.5rem;border-bottom:1px solid var(--line)}h3{font-size:1rem}
        table{border-collapse:collapse;width:100%;min-width:44rem}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}
        .wide{overflow-x:auto}code,blockquote,pre{font-family:ui-monospace,monospace;font-size:.875rem;overflow-wrap:anywhere}
        blockquote{margin:.4rem 0;padding:.3rem .8rem;border-left:3px solid var(--line);background:var(--soft)}
        pre{background:var(--soft);padding:.8rem;overflow-x:auto}.dim{color:var(--dim)}.high,.critical{color:var(--bad);font-weight:600}
        ul{padding-left:1.2rem}li{margin-bottom:.6rem}
        """

    private mutating func write() {
        let title = report.servers.count == 1 ? "Scan of \(Visible.name(report.servers[0].name))" : "Scan"
        page += "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        page +=
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        page += "<title>\(Self.escaped(title))</title>\n<style>\n\(Self.style)\n</style>\n</head>\n<body>\n<main>\n"
        page += "<h1>\(Self.escaped(title))</h1>\n<p class=\"dim\">sluice \(Self.escaped(version))"
        if let file = report.file { page += ", servers of <code>\(Self.escaped(file))</code>" }
        page += "</p>\n"
        writeSkipped()
        for server in report.servers { write(server) }
        if !report.findings.isEmpty {
            page += "<h2>Several servers together</h2>\n<ul>\n"
            for finding in report.findings { write(finding, at: finding.place) }
            page += "</ul>\n"
        }
        page += "</main>\n</body>\n</html>\n"
    }

    private mutating func writeSkipped() {
        guard !report.skipped.isEmpty else { return }
        page += "<h2>Not scanned</h2>\n<ul>\n"
        for server in report.skipped {
            page += "<li><strong>\(Self.escaped(server.name))</strong> <code>\(Self.escaped(server.source))</code>: "
            page += "\(Self.escaped(server.why))</li>\n"
        }
        page += "</ul>\n"
    }

    private mutating func write(_ server: ScannedServer) {
        let material = server.material
        page += "<h2>\(Self.escaped(server.name))</h2>\n<p class=\"dim\">\(Self.escaped(server.summary))</p>\n"
        for text in material.incomplete { page += "<p class=\"high\">Not read whole: \(Self.escaped(text))</p>\n" }
        if !server.tools.isEmpty {
            page +=
                "<div class=\"wide\" role=\"region\" aria-label=\"Tools\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Tool</th><th scope=\"col\">Category</th>"
            page += "<th scope=\"col\">Severity</th><th scope=\"col\">Why, and signals</th></tr></thead>\n<tbody>\n"
            for tool in server.tools {
                let verdict = tool.classification
                page +=
                    "<tr><td><code>\(Self.escaped(tool.definition.name))</code></td><td>\(verdict.category.rawValue)</td>"
                let risk = tool.assessment.risk.rawValue
                page += "<td class=\"\(risk)\">\(risk)</td>"
                page += "<td>\(Self.escaped(tool.assessment.isPoisoned ? poisonedReason : verdict.rationale))"
                let signals = verdict.signals.map { Self.escaped($0.text) }.joined(separator: "; ")
                if !signals.isEmpty { page += "<br><span class=\"dim\">\(signals)</span>" }
                page += "</td></tr>\n"
            }
            page += "</tbody>\n</table></div>\n"
        }
        if !server.allFindings.isEmpty {
            page += "<h3>Findings</h3>\n<ul>\n"
            for tool in server.tools { for finding in tool.findings { write(finding, at: finding.place) } }
            for placed in server.findings { write(placed.finding, at: placed.place) }
            page += "</ul>\n"
        }
        write(server.attacks)
        if let changes = server.changes {
            page += "<h3>Since the earlier scan</h3>\n<ul>\n"
            for line in changes.lines { page += "<li>\(Self.escaped(line))</li>\n" }
            page += "</ul>\n"
        }
        let advice = server.recommendation
        page +=
            "<h3>Recommended policy</h3>\n<pre>\(Self.escaped(PrettyJSON.text(advice.policy), keepsLines: true))</pre>\n"
        guard !advice.reasons.isEmpty || !server.poisoned.isEmpty else { return }
        page += "<h3>Why</h3>\n<ul>\n"
        for tool in server.poisoned {
            page += "<li><code>\(Self.escaped(tool))</code>: \(Self.escaped(poisonedReason))</li>\n"
        }
        for reason in advice.reasons {
            page += "<li><code>\(Self.escaped(reason.place))</code>: \(Self.escaped(reason.text))"
            page += reason.needsEditing ? " <strong>Put in your own value.</strong></li>\n" : "</li>\n"
        }
        page += "</ul>\n"
    }

    private mutating func write(_ attacks: [(attack: KnownAttack, tools: [String])]) {
        guard !attacks.isEmpty else { return }
        page += "<h3>Known attacks that abuse such tools</h3>\n<ul>\n"
        for (attack, tools) in attacks {
            let names = tools.prefix(8).map { "<code>\(Self.escaped($0))</code>" }.joined(separator: ", ")
            page += "<li>\(Self.escaped(attack.title)) <span class=\"dim\">(<code>\(Self.escaped(attack.id))</code>, "
            page += "\(attack.severity.rawValue)): \(names)\(tools.count > 8 ? ", …" : "")</span></li>\n"
        }
        page += "</ul>\n"
    }

    private mutating func write(_ finding: MetadataFinding, at place: String) {
        let tool = finding.tool.map { "<code>\(Self.escaped($0))</code> " } ?? ""
        page += "<li><span class=\"\(finding.severity.rawValue)\">\(finding.severity.rawValue)</span> "
        page += "<strong>\(finding.code.rawValue)</strong> in \(tool)<code>\(Self.escaped(place))</code>: "
        page += "\(Self.escaped(finding.text)).<blockquote>\(Self.escaped(finding.quote))</blockquote>"
        page += "<span class=\"dim\">\(Self.escaped(finding.mend)).</span></li>\n"
    }

    /// For text and for quoted attributes; what can't be seen is written out.
    static func escaped(_ text: String, keepsLines: Bool = false) -> String {
        let shown = keepsLines ? Visible.lines(text, limit: 100_000, count: 100_000) : Visible.text(text, limit: 4_000)
        var escaped = ""
        for scalar in shown.unicodeScalars {
            switch scalar {
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "&": escaped += "&amp;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
