internal import Base
package import JSON
internal import Policy
internal import Risk
package import Store

/// A tool of the catalogue in words, for the terminal and as JSON: what its page says.
package struct ToolDescription: Sendable {
    private let subject: ToolSubject

    /// Nil when what is stored can't be read.
    /// - Parameter twins: all tools of the server that go by the name.
    package init?(_ tool: CataloguedTool, twins: [CataloguedTool] = []) {
        guard let subject = ToolSubject(tool, twins: twins) else { return nil }
        self.subject = subject
    }

    /// Line by line, texts of others made visible.
    package var lines: [String] {
        let judged = subject.assessment.classification
        let tool = subject.tool
        var lines = [
            "\(VisibleText.shown(tool.hit.name)) on \(VisibleText.shown(tool.hit.server))",
            "\(Sentences.title(judged.category)), \(subject.assessment.risk.rawValue) risk, \(judged.confidence.rawValue) confidence, "
                + "about \(tool.contextTokens) tokens",
            "",
        ]
        if subject.isPoisoned {
            lines += [
                "Its definition, or another one of its name, is poisoned: see the findings; no agent should have it.",
                "",
            ]
        }
        if !tool.hit.summary.isEmpty { lines += ["The server says: \(tool.hit.summary)", ""] }
        lines += ["Why", "  " + VisibleText.shown(judged.rationale)]
        lines += judged.evidence.map { "  \($0.place): “\(VisibleText.shown($0.quote))”" }
        if !judged.signals.isEmpty {
            lines += ["", "Signals"] + judged.signals.map { "  " + VisibleText.shown($0.text) }
        }
        if !subject.assessment.findings.isEmpty {
            lines += ["", "Findings"]
            for finding in subject.assessment.findings {
                lines.append(
                    "  \(finding.severity.rawValue) \(finding.code.rawValue) at \(VisibleText.shown(finding.place))")
                lines.append("    \(finding.text): “\(VisibleText.shown(finding.quote))”")
            }
        }
        if !subject.assessment.attacks.isEmpty {
            lines += ["", "Attacks that abuse such access", "  " + subject.assessment.attacks.joined(separator: ", ")]
        }
        lines +=
            ["", "Recommended policy"]
            + PrettyJSON.text(subject.policy).split(separator: "\n").map { "  " + VisibleText.shown($0) }
        for reason in subject.recommendation?.reasons ?? [] {
            lines.append("  \(VisibleText.shown(reason.place)): \(VisibleText.shown(reason.text))")
        }
        return lines
    }

    /// The tool's object of a scan with its policy, reasons, test and related tools.
    package func write(server: String, related: [CatalogueHit], to writer: inout JSONWriter) {
        let tool = subject.tool
        writer.beginObject()
        writer.member("server", server)
        subject.assessment.write(name: tool.hit.name, contextTokens: tool.contextTokens, to: &writer)
        writer.key("policy")
        writer.value(subject.policy)
        if let recommendation = subject.recommendation {
            writer.key("policy_reasons")
            writer.beginArray()
            for reason in recommendation.reasons {
                writer.beginObject()
                writer.member("where", reason.place)
                writer.member("text", reason.text)
                writer.member("needs_editing", reason.needsEditing)
                writer.endObject()
            }
            writer.endArray()
            writer.key("policy_test")
            writer.value(recommendation.test(policy: subject.policy))
        }
        writer.key("related")
        writer.beginArray()
        for hit in related { CatalogueDocument.write(hit, to: &writer) }
        writer.endArray()
        CatalogueDocument.end(of: tool, &writer)
    }
}

/// Which tools are like one, by search: its server's first, then those of others with most words in common.
package enum RelatedTools {
    private static let siblings = 6
    private static let others = 8

    package static func of(_ tool: CatalogueHit, in store: some CatalogueStore) throws -> [CatalogueHit] {
        let own = try store.cataloguedTools(tool.server).map(\.hit).filter { $0.name != tool.name }
        // The words without one after the other, so that what shares most of them is found.
        let words = tool.words.split(separator: " ").map(String.init)
        var found: [Int64: CatalogueHit] = [:]
        for left in -1..<max(0, words.count > 1 ? words.count : 0) {
            var query = CatalogueQuery(words: words)
            if left >= 0 { query.words.remove(at: left) }
            query.limit = 50
            for hit in try store.searchCatalogue(query) where hit.server != tool.server { found[hit.id] = hit }
        }
        let candidates = found.values.sorted { $0.id < $1.id }
        return own.prefix(siblings) + Likeness(candidates).related(to: tool, limit: others)
    }
}
