import Base
import Catalogue
import JSON
import MCP
import Policy
import Risk

/// A scan as SARIF 2.1.0, for code scanning: each finding a result, with its place in the definition and, when the
/// definition stands in a file, the line there.
package struct ScanSARIF {
    private let report: ScanReport
    private let version: String
    /// Tools of this severity and worse are results, too.
    private let risk: Severity?

    /// - Parameter version: of the program.
    package init(_ report: ScanReport, version: String, risk: Severity? = nil) {
        self.report = report
        self.version = version
        self.risk = risk
    }

    /// One line of the report.
    private struct Result {
        let rule: String
        let severity: Severity
        let text: String
        let server: String
        /// What it is in: a tool, prompt or resource; nil for the server itself.
        let name: String?
        let place: String
        let file: String?
        let line: Int?
    }

    package var bytes: [UInt8] {
        let results = results()
        let rules = rules(of: results)
        let index = Dictionary(uniqueKeysWithValues: rules.enumerated().map { ($0.element.id, $0.offset) })
        var writer = JSONWriter(capacity: 64 << 10)
        writer.beginObject()
        writer.member(
            "$schema", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
        writer.member("version", "2.1.0")
        writer.key("runs")
        writer.beginArray()
        writer.beginObject()
        writer.key("tool")
        writer.beginObject()
        writer.key("driver")
        writer.beginObject()
        writer.member("name", "sluice")
        writer.member("semanticVersion", version)
        writer.key("rules")
        writer.beginArray()
        for rule in rules { rule.write(to: &writer) }
        writer.endArray()
        writer.endObject()
        writer.endObject()
        writeInvocation(to: &writer)
        writer.key("results")
        writer.beginArray()
        for result in results { write(result, index[result.rule] ?? 0, to: &writer) }
        writer.endArray()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        return writer.bytes + [0x0A]
    }

    // MARK: Rules

    private struct Rule {
        let id: String
        let text: String
        let mend: String
        let severity: Severity

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("id", id)
            writer.member("name", id.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined())
            for (key, text) in [("shortDescription", text), ("help", mend)] {
                writer.key(key)
                writer.beginObject()
                writer.member("text", text)
                writer.endObject()
            }
            writer.key("defaultConfiguration")
            writer.beginObject()
            writer.member("level", ScanSARIF.level(severity))
            writer.endObject()
            writer.key("properties")
            writer.beginObject()
            // The scale that code scanning sorts by.
            writer.member("security-severity", ["3.0", "5.5", "8.0", "9.5"][severity.rank])
            writer.key("tags")
            writer.beginArray()
            for tag in ["security", "mcp"] { writer.string(tag) }
            writer.endArray()
            writer.endObject()
            writer.endObject()
        }
    }

    private static let riskRule = "tool_risk"
    private static let changeRule = "changed_definition"

    /// Those that there are results of, in the order of their names.
    private func rules(of results: [Result]) -> [Rule] {
        var rules: [String: Rule] = [:]
        for finding in report.servers.flatMap(\.allFindings) + report.findings {
            let id = finding.code.rawValue
            // The worst of a kind stands for it.
            if let known = rules[id], known.severity >= finding.severity { continue }
            let words = id.replacing("_", with: " ")
            rules[id] = Rule(
                id: id, text: "Metadata of an MCP server: \(words)", mend: finding.mend, severity: finding.severity)
        }
        rules[Self.riskRule] = Rule(
            id: Self.riskRule, text: "A tool that can do harm",
            mend: "Put a policy in front of the server: `sluice scan --policy-out FILE` writes one.", severity: .high)
        rules[Self.changeRule] = Rule(
            id: Self.changeRule, text: "A definition that is other than in the earlier scan",
            mend: "Read the new definition; if it is right, make this scan the new baseline.", severity: .medium)
        let used = Set(results.map(\.rule))
        return rules.values.filter { used.contains($0.id) }.sorted { $0.id < $1.id }
    }

    private static func level(_ severity: Severity) -> String {
        switch severity {
        case .low: "note"
        case .medium: "warning"
        case .high, .critical: "error"
        }
    }

    // MARK: Results

    private func results() -> [Result] {
        var results: [Result] = []
        for server in report.servers {
            let file = server.material.file ?? report.file
            for tool in server.tools {
                let name = tool.definition.name
                for finding in tool.findings {
                    let line = line(of: finding.place, in: tool.definition.entry, server.material)
                    results.append(result(finding, server.name, name, finding.place, file, line))
                }
                let verdict = tool.classification
                let severity = tool.assessment.risk
                if let risk, severity >= risk {
                    let why = tool.assessment.isPoisoned ? poisonedReason : verdict.rationale
                    results.append(
                        Result(
                            rule: Self.riskRule, severity: severity,
                            text: "\(verdict.category.rawValue), \(severity.rawValue): \(why)",
                            server: server.name, name: name, place: "", file: file,
                            line: line(of: "", in: tool.definition.entry, server.material)))
                }
            }
            for placed in server.findings {
                var line = server.material.line
                if let entry = placed.entry,
                    let view = server.material.entries(entry.kind).first(where: {
                        $0[entry.kind.key]?.string == entry.id
                    })
                {
                    line = self.line(of: placed.finding.place, in: view, server.material)
                }
                results.append(
                    result(
                        placed.finding, server.name, placed.entry?.id ?? placed.finding.tool, placed.place, file, line))
            }
            for list in server.changes?.lists ?? [] { results += changes(list, server, file) }
        }
        for finding in report.findings {
            results.append(result(finding, "", finding.tool, finding.place, report.file, nil))
        }
        return results
    }

    private func result(
        _ finding: MetadataFinding, _ server: String, _ name: String?, _ place: String, _ file: String?, _ line: Int?
    ) -> Result {
        let quote = finding.quote.isEmpty ? "" : ": “\(finding.quote)”"
        return Result(
            rule: finding.code.rawValue, severity: finding.severity, text: "\(finding.text)\(quote). \(finding.mend)",
            server: server, name: name, place: place, file: file, line: line)
    }

    private func changes(_ list: ScanChanges.List, _ server: ScannedServer, _ file: String?) -> [Result] {
        func result(_ name: String, _ severity: Severity, _ text: String) -> Result {
            Result(
                rule: Self.changeRule, severity: severity, text: text, server: server.name, name: name,
                place: "/\(list.kind.rawValue)", file: file, line: server.material.line)
        }
        return list.added.map { result($0, .low, "Not there in the earlier scan.") }
            + list.removed.map { result($0, .low, "No longer there.") }
            + list.changed.map { result($0.name, .medium, "Changed: \($0.members.joined(separator: ", ")).") }
    }

    /// The line of a place in a definition, if that stands in a file.
    private func line(of place: String, in entry: JSONView, _ material: ServerMaterial) -> Int? {
        guard let lines = material.lines else { return material.line }
        var view = entry
        for token in JSONPointer(place)?.tokens ?? [] {
            // A place may name a key, or go on inside a text.
            guard let next = view.kind == .array ? Int(token).flatMap({ view[$0] }) : view[token] else { break }
            view = next
        }
        return lines.line(of: view.range.lowerBound)
    }

    private func write(_ result: Result, _ rule: Int, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("ruleId", result.rule)
        writer.member("ruleIndex", rule)
        writer.member("level", Self.level(result.severity))
        writer.key("message")
        writer.beginObject()
        let subject = [result.server, result.name ?? ""].filter { !$0.isEmpty }.map(Visible.name)
        writer.member("text", subject.joined(separator: "/") + ": " + result.text)
        writer.endObject()
        writer.key("locations")
        writer.beginArray()
        writer.beginObject()
        if let file = result.file {
            writer.key("physicalLocation")
            writer.beginObject()
            writer.key("artifactLocation")
            writer.beginObject()
            writer.member("uri", Self.uri(file))
            writer.endObject()
            writer.key("region")
            writer.beginObject()
            writer.member("startLine", result.line ?? 1)
            writer.endObject()
            writer.endObject()
        }
        writer.key("logicalLocations")
        writer.beginArray()
        writer.beginObject()
        writer.member("name", Visible.text(result.name ?? result.server))
        let path = [result.server, result.name ?? ""].filter { !$0.isEmpty }.joined(separator: "/")
        writer.member("fullyQualifiedName", Visible.text(path) + (result.place.isEmpty ? "" : "#\(result.place)"))
        writer.member("kind", result.name == nil ? "module" : "function")
        writer.endObject()
        writer.endArray()
        writer.endObject()
        writer.endArray()
        writer.key("partialFingerprints")
        writer.beginObject()
        writer.member(
            "sluicePlace/v1", Fingerprint.of([result.server, result.name ?? "", result.rule, result.place]))
        writer.endObject()
        writer.key("properties")
        writer.beginObject()
        writer.member("severity", result.severity.rawValue)
        writer.endObject()
        writer.endObject()
    }

    /// What could not be looked into.
    private func writeInvocation(to writer: inout JSONWriter) {
        var notes = report.skipped.map { (text: "\($0.name) was not scanned: \($0.why)", isError: $0.isFailure) }
        for server in report.servers {
            notes += server.material.incomplete.map { ("\(server.name) was not read whole: \($0)", true) }
        }
        writer.key("invocations")
        writer.beginArray()
        writer.beginObject()
        writer.member("executionSuccessful", !report.skipped.contains(where: \.isFailure))
        if !notes.isEmpty {
            writer.key("toolExecutionNotifications")
            writer.beginArray()
            for note in notes {
                writer.beginObject()
                writer.member("level", note.isError ? "error" : "note")
                writer.key("message")
                writer.beginObject()
                writer.member("text", Visible.text(note.text, limit: 2_000))
                writer.endObject()
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
        writer.endArray()
    }

    /// A reference as RFC 3986 wants it; absolute paths get a scheme.
    static func uri(_ path: String) -> String {
        var text = path.hasPrefix("/") ? "file://" : ""
        for byte in path.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return text
    }
}
