internal import JSON
package import MCP
package import Risk

/// A tool with all that is said of it.
package struct ScannedTool: Sendable {
    package let definition: ToolDefinition
    package let assessment: Assessment
    /// About how much of a model's context it takes.
    package let tokens: Int
    /// The entries of the attack database that fit it, the most fitting first.
    package let attacks: [KnownAttack]

    package var name: String { definition.name }
    package var classification: Classification { assessment.classification }
    package var findings: [MetadataFinding] { assessment.findings }
}

/// An entry of the attack database.
package struct KnownAttack: Sendable, Hashable {
    package let id: String
    package let title: String
    package let severity: Severity
}

/// A finding, and which entry of which list it is in.
package struct PlacedFinding: Sendable {
    package let finding: MetadataFinding
    /// Nil: in the instructions, or about names.
    package let entry: (kind: ListKind, id: String)?

    init(_ finding: MetadataFinding, in entry: (ListKind, String)?) {
        self.finding = finding
        self.entry = entry.map { (kind: $0.0, id: $0.1) }
    }

    /// Where it is, as a JSON pointer below the server's entry.
    package var place: String {
        guard let entry else { return finding.place }
        return "/\(entry.kind.rawValue)/\(JSONPointer(tokens: [entry.id]).description.dropFirst())\(finding.place)"
    }
}

/// A server with all that is said of it.
package struct ScannedServer: Sendable {
    package let material: ServerMaterial
    package let profile: ServerProfile
    /// In the server's order.
    package let tools: [ScannedTool]
    /// What is in no tool: instructions, prompts, resources, names.
    package let findings: [PlacedFinding]
    /// About how much of a model's context the tools and the instructions take.
    package let tokens: Int
    package let recommendation: Recommendation
    /// Which rules have judged it.
    package let rules: String
    /// Against an earlier scan, if there was one.
    package var changes: ScanChanges?

    package var name: String { material.name }

    /// The attacks that fit its tools and the tools that each fits, those of most tools first.
    package var attacks: [(attack: KnownAttack, tools: [String])] {
        var order: [KnownAttack] = []
        var tools: [KnownAttack: [String]] = [:]
        for tool in self.tools {
            for attack in tool.attacks {
                if tools[attack] == nil { order.append(attack) }
                tools[attack, default: []].append(tool.definition.name)
            }
        }
        let all = order.map { (attack: $0, tools: tools[$0] ?? []) }
        return all.enumerated().sorted { a, b in
            let (x, y) = (a.element.tools.count, b.element.tools.count)
            return x == y ? a.offset < b.offset : x > y
        }.map(\.element)
    }

    /// The tools that the recommended policy leaves out because of what is hidden in them.
    package var poisoned: [String] {
        var seen: Set<String> = []
        return tools.filter { $0.assessment.isPoisoned && seen.insert($0.name).inserted }.map(\.name)
    }

    /// All findings, those in tools first.
    package var allFindings: [MetadataFinding] { tools.flatMap(\.findings) + findings.map(\.finding) }
}
