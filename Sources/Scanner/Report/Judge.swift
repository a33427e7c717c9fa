import Attacks
import JSON
import MCP
import Risk

/// Everything that judges, in one place: made once, used for all servers of a scan.
package struct Judge: Sendable {
    private let classifier = Classifier()
    private let lint: MetadataLint
    private let attacks: AttackDatabase

    /// - Throws: `ScanError` when the rules that the program carries are damaged.
    package init() throws(ScanError) {
        do throws(RuleProblem) { lint = try MetadataLint.standard() } catch {
            throw ScanError(.rules, "the rules of this program can't be read: \(error)", mend: "please report this")
        }
        do throws(AttackProblem) { attacks = try AttackDatabase.standard() } catch {
            throw ScanError(.rules, "the attacks of this program can't be read: \(error)", mend: "please report this")
        }
    }

    /// The verdict on one server.
    package func judge(_ material: ServerMaterial) -> ScannedServer {
        let definitions = material.entries(.tools).compactMap(ToolDefinition.init)
        let profile = ServerProfile(
            name: material.name,
            description: [material.description, material.instructions ?? ""].filter { !$0.isEmpty }
                .joined(separator: "\n"),
            tools: definitions)
        let classifications = definitions.map { classifier.classify($0, in: profile) }
        let findingsOfTools = definitions.map { lint.findings(in: $0) }
        // Nobody should allow a tool whose definition is poisoned; the policy's default denies what it does not name.
        // By name, since a call names its tool and nothing else.
        let poisoned = Set(
            zip(definitions, findingsOfTools).filter { $0.1.contains { $0.severity >= .high } }.map(\.0.name))
        let recommendation = Recommendation(
            server: material.name,
            judged: zip(definitions, classifications).filter { !poisoned.contains($0.0.name) }
                .map { (tool: $0.0, classification: $0.1) })
        var tools: [ScannedTool] = []
        for ((definition, classification), findings) in zip(zip(definitions, classifications), findingsOfTools) {
            let fitting = attacks.attacks(on: definition, classification, findings: findings)
            tools.append(
                ScannedTool(
                    definition: definition, classification: classification, findings: findings,
                    tokens: ContextCost.tokens(in: definition.entry.rawBytes),
                    recommended: recommendation.entries[definition.name],
                    attacks: fitting.map { KnownAttack(id: $0.id, title: $0.title, severity: $0.severity) }))
        }
        var findings: [PlacedFinding] = []
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
        findings += NameFindings.findings([profile]).map { PlacedFinding($0, in: nil) }
        let tokens =
            tools.reduce(0) { $0 + $1.tokens } + ContextCost.tokens(in: ArraySlice((material.instructions ?? "").utf8))
        return ScannedServer(
            material: material, profile: profile, tools: tools, findings: findings, tokens: tokens,
            recommendation: recommendation)
    }

    /// What is odd about several servers together.
    package func across(_ servers: [ScannedServer]) -> [MetadataFinding] {
        guard servers.count > 1 else { return [] }
        let alone = Set(servers.flatMap { $0.findings.map(\.finding) })
        return NameFindings.findings(servers.map(\.profile)).filter { !alone.contains($0) }
    }
}
