internal import Attacks
internal import JSON
internal import MCP
internal import Policy
package import Risk

/// Everything that judges, in one place: made once, used for all servers of a scan or of the catalogue.
package struct ServerJudge: Sendable {
    private let classifier = Classifier()
    private let lint: MetadataLint
    private let attacks: AttackDatabase

    /// - Throws: `broken` when the rules or the attacks that the program carries are damaged.
    package init() throws(CatalogueError) {
        do {
            lint = try MetadataLint.standard()
            attacks = try AttackDatabase.standard()
        } catch {
            throw CatalogueError(
                .broken, "the rules of this program can't be read: \(error)", mend: "install the program again")
        }
    }

    /// Which rules judge.
    package var rules: String { "\(classifier.rules.version), findings \(lint.version)" }

    /// The verdict on one server.
    package func judge(_ material: ServerMaterial) -> ScannedServer {
        let definitions = material.entries(.tools).compactMap(ToolDefinition.init)
        let profile = ServerProfile(
            name: material.name,
            description: [material.description, material.instructions ?? ""].filter { !$0.isEmpty }
                .joined(separator: "\n"),
            tools: definitions)
        let judged = zip(definitions, lint.findings(in: definitions)).map { assess($0, in: profile, findings: $1) }
        // Nobody should allow a tool whose definition is poisoned; the policy's default denies what it does not name.
        // By name, since a call names its tool and nothing else.
        let poisoned = Set(zip(definitions, judged).filter { $0.1.assessment.isPoisoned }.map(\.0.name))
        let recommendation = Recommendation(
            server: material.name,
            judged: zip(definitions, judged).filter { !poisoned.contains($0.0.name) }
                .map { (tool: $0.0, classification: $0.1.assessment.classification) })
        let tools = zip(definitions, judged).map { definition, judged in
            ScannedTool(
                definition: definition,
                assessment: judged.assessment.recommending(recommendation.entries[definition.name]),
                tokens: ContextCost.tokens(in: definition.entry.rawBytes),
                attacks: judged.attacks.map { KnownAttack(id: $0.id, title: $0.title, severity: $0.severity) })
        }
        let tokens =
            tools.reduce(0) { $0 + $1.tokens } + ContextCost.tokens(in: ArraySlice((material.instructions ?? "").utf8))
        return ScannedServer(
            material: material, profile: profile, tools: tools, findings: findings(material, profile), tokens: tokens,
            recommendation: recommendation, rules: rules)
    }

    private func assess(
        _ definition: ToolDefinition, in profile: ServerProfile, findings: [MetadataFinding]
    ) -> (assessment: Assessment, attacks: [Attack]) {
        let classification = classifier.classify(definition, in: profile)
        let fitting = attacks.attacks(on: definition, classification, findings: findings)
        let assessment = Assessment(
            classification: classification, findings: findings, attacks: fitting.map(\.id), recommended: nil)
        return (assessment, fitting)
    }

    /// What is in no tool.
    private func findings(_ material: ServerMaterial, _ profile: ServerProfile) -> [PlacedFinding] {
        var findings = name(material.name).map { PlacedFinding($0, in: nil) }
        if let instructions = material.instructions {
            findings += lint.findings(instructions: instructions).map { PlacedFinding($0, in: nil) }
        }
        for kind in [ListKind.prompts, .resources, .resourceTemplates] {
            for entry in material.entries(kind) {
                let id = entry[kind.key]?.string ?? ""
                findings += lint.findings(inEntry: entry).map { PlacedFinding($0, in: (kind, id)) }
            }
        }
        // Names that come twice; what is said of other servers needs all of them.
        return findings + NameFindings.findings([profile]).map { PlacedFinding($0, in: nil) }
    }

    /// What hides in the name that a server gives itself: it is shown wherever the server is.
    private func name(_ name: String) -> [MetadataFinding] {
        let entry = JSONValue.object([JSONMember("name", .string(name))])
        guard let document = try? JSONDocument.parse(entry.bytes) else { return [] }
        return lint.findings(inEntry: document.root).map { finding in
            MetadataFinding(
                code: finding.code, severity: finding.severity, tool: nil, place: "/server", quote: finding.quote,
                text: finding.text, mend: finding.mend)
        }
    }

    /// What is odd about several servers together.
    package func across(_ servers: [ScannedServer]) -> [MetadataFinding] {
        guard servers.count > 1 else { return [] }
        let alone = Set(servers.flatMap { $0.findings.map(\.finding) })
        return NameFindings.findings(servers.map(\.profile)).filter { !alone.contains($0) }
    }
}
