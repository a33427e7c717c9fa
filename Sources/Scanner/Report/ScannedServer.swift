import JSON
import MCP
import Risk

/// A tool with all that is said of it.
package struct ScannedTool: Sendable {
    package let definition: ToolDefinition
    package let classification: Classification
    /// In the order of the definition's texts.
    package let findings: [MetadataFinding]
    /// About how much of a model's context it takes.
    package let tokens: Int
    /// What the recommended policy says of it; nil when it hides the tool.
    package let recommended: JSONValue?
    /// The entries of the attack database that fit it, the most fitting first.
    package let attacks: [KnownAttack]
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
        tools.filter { tool in tool.findings.contains { $0.severity >= .high } }.map(\.definition.name)
    }

    /// All findings, those in tools first.
    package var allFindings: [MetadataFinding] { tools.flatMap(\.findings) + findings.map(\.finding) }
}

/// A server that was not looked into, or that could not be.
package struct SkippedServer: Sendable {
    package let name: String
    /// How it would be reached, without secrets.
    package let source: String
    package let why: String
    /// It was asked and gave no usable answer.
    package let isFailure: Bool
    /// Where it stands in its file.
    package let line: Int?

    package init(name: String, source: String, why: String, isFailure: Bool, line: Int?) {
        self.name = name
        self.source = source
        self.why = why
        self.isFailure = isFailure
        self.line = line
    }
}

/// What a scan has come to.
package struct ScanReport: Sendable {
    package var servers: [ScannedServer]
    package var skipped: [SkippedServer] = []
    /// About several servers together.
    package var findings: [MetadataFinding] = []
    /// The configuration file that named the servers, as the user named it.
    package var file: String?
    /// Whether the form for several servers is used even for one.
    package var isOfMany = false

    package init(servers: [ScannedServer]) { self.servers = servers }

    /// The worst finding; nil without any.
    package var worstFinding: Severity? {
        (servers.flatMap(\.allFindings) + findings).map(\.severity).max()
    }

    /// The worst that a tool can do; nil without tools.
    package var worstRisk: Severity? { servers.flatMap { $0.tools.map(\.classification.severity) }.max() }

    /// Something could not be read, so a good verdict would be about a part only.
    package var isIncomplete: Bool { servers.contains { !$0.material.incomplete.isEmpty } }

    /// Something is other than in the earlier scan.
    package var hasChanged: Bool { servers.contains { $0.changes?.isEmpty == false } }
}
