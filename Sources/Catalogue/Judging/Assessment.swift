package import JSON
internal import Policy
package import Risk

/// What we say of one tool; as JSON the tool's object of a scan.
package struct Assessment: Sendable {
    package let classification: Classification
    package let findings: [MetadataFinding]
    /// Identifiers of entries of the attack database.
    package let attacks: [String]
    /// The tool's entry of a policy; nil: hidden, or not known.
    package let recommended: JSONValue?

    /// Nobody should allow such a tool: its definition has a finding of severity high or critical.
    package var isPoisoned: Bool { findings.contains { $0.severity >= .high } }

    /// How bad it is to let an agent have the tool: what the tool can do, or, if that is worse, what hides in its definition.
    package var risk: Severity {
        isPoisoned ? findings.map(\.severity).reduce(classification.severity, max) : classification.severity
    }

    init(
        classification: Classification, findings: [MetadataFinding], attacks: [String], recommended: JSONValue?
    ) {
        self.classification = classification
        self.findings = findings
        self.attacks = attacks
        self.recommended = recommended
    }

    /// The same with the tool's entry of a policy.
    func recommending(_ entry: JSONValue?) -> Assessment {
        Assessment(classification: classification, findings: findings, attacks: attacks, recommended: entry)
    }

    /// What the catalogue keeps. Nil when category or severity are not there, or none that we know.
    init?(stored view: JSONView) {
        guard let category = view["category"]?.string.flatMap(ToolCategory.init(rawValue:)),
            let severity = view["severity"]?.string.flatMap(Severity.init(rawValue:))
        else { return nil }
        let name = view["name"]?.string
        func list<T>(_ key: String, _ read: (JSONView) -> T?) -> [T] {
            guard let list = view[key], list.kind == .array else { return [] }
            return list.elements.compactMap(read)
        }
        classification = Classification(
            category: category, severity: severity,
            confidence: view["confidence"]?.string.flatMap(Classification.Confidence.init(rawValue:)) ?? .low,
            rationale: view["rationale"]?.string ?? "",
            evidence: list("evidence") { piece in
                piece["quote"]?.string.map {
                    Classification.Evidence(place: piece["where"]?.string ?? "definition", quote: $0)
                }
            },
            signals: list("signals") { signal in
                signal["code"]?.string.flatMap(RiskSignal.Code.init(rawValue:)).map {
                    RiskSignal(code: $0, text: signal["text"]?.string ?? $0.rawValue)
                }
            })
        findings = list("findings") { Assessment.finding($0, tool: name) }
        attacks = list("attacks", \.string)
        recommended = view["recommended"].flatMap { $0.kind == .object ? $0.value : nil }
    }

    /// Nil for codes that this version doesn't know.
    static func finding(_ view: JSONView, tool: String?) -> MetadataFinding? {
        guard let code = view["code"]?.string.flatMap(MetadataFinding.Code.init(rawValue:)),
            let severity = view["severity"]?.string.flatMap(Severity.init(rawValue:))
        else { return nil }
        return MetadataFinding(
            code: code, severity: severity, tool: view["tool"]?.string ?? tool, place: view["where"]?.string ?? "",
            quote: view["quote"]?.string ?? "", text: view["text"]?.string ?? "", mend: view["mend"]?.string ?? "")
    }

    /// The tool's object of a scan, without its end.
    package func write(name: String, contextTokens: Int, to writer: inout JSONWriter) {
        writer.member("name", name)
        writer.member("category", classification.category.rawValue)
        writer.member("severity", classification.severity.rawValue)
        writer.member("confidence", classification.confidence.rawValue)
        writer.member("rationale", classification.rationale)
        writer.key("evidence")
        writer.beginArray()
        for evidence in classification.evidence {
            writer.beginObject()
            writer.member("where", evidence.place)
            writer.member("quote", evidence.quote)
            writer.endObject()
        }
        writer.endArray()
        writer.key("signals")
        writer.beginArray()
        for signal in classification.signals {
            writer.beginObject()
            writer.member("code", signal.code.rawValue)
            writer.member("text", signal.text)
            writer.endObject()
        }
        writer.endArray()
        writer.key("findings")
        writer.beginArray()
        for finding in findings { finding.write(to: &writer) }
        writer.endArray()
        writer.key("attacks")
        writer.beginArray()
        for attack in attacks { writer.string(attack) }
        writer.endArray()
        writer.key("recommended")
        writer.value(recommended ?? .null)
        writer.member("context_tokens", contextTokens)
    }
}

extension MetadataFinding {
    /// An object of its own, as scans have it.
    /// - Parameter place: where it is, if that is another place than the finding's own.
    package func write(at place: String? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("code", code.rawValue)
        writer.member("severity", severity.rawValue)
        writer.member("where", place ?? self.place)
        // The tool's own findings stand in the tool.
        if place != nil { writer.memberIfPresent("tool", tool) }
        writer.member("quote", quote)
        writer.member("text", text)
        writer.member("mend", mend)
        writer.endObject()
    }
}
