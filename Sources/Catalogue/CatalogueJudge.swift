internal import Attacks
internal import JSON
internal import Policy
internal import Risk
package import Store

/// Judges a server's tools for the catalogue: the same rules, findings and attacks as of a scan.
package struct CatalogueJudge: Sendable {
    private static let longestText = 8 << 10
    private static let longestSummary = 200

    private let classifier = Classifier()
    private let lint: MetadataLint
    private let attacks: AttackDatabase

    /// - Throws: `broken` when the rules or attacks in the program are damaged.
    package init() throws(CatalogueError) {
        do {
            lint = try MetadataLint.standard()
            attacks = try AttackDatabase.standard()
        } catch {
            throw CatalogueError(.broken, "\(error)", mend: "install the program again")
        }
    }

    /// Which rules judge.
    package var rules: String { "\(classifier.rules.version), findings \(lint.version)" }

    /// Everything that the catalogue keeps of a server.
    package func entry(_ input: CatalogueInput) -> CatalogueServerEntry {
        let profile = ServerProfile(name: input.name, description: input.about, tools: input.tools)
        var judged: [(tool: ToolDefinition, classification: Classification)] = []
        var assessments: [Assessment] = []
        for tool in input.tools {
            if let view = input.stated[tool.name], let stated = Assessment(view, isStated: true) {
                assessments.append(stated)
                judged.append((tool, stated.classification))
                continue
            }
            let classification = classifier.classify(tool, in: profile)
            let findings = lint.findings(in: tool)
            assessments.append(
                Assessment(
                    classification: classification, findings: findings,
                    attacks: attacks.attacks(on: tool, classification, findings: findings).map(\.id),
                    recommended: nil))
            judged.append((tool, classification))
        }
        // As the scan does: the policy's default denies what it does not name.
        let poisoned = Set(zip(judged, assessments).filter { $0.1.isPoisoned }.map(\.0.tool.name))
        let recommendation = Recommendation(
            server: input.name, judged: judged.filter { !poisoned.contains($0.tool.name) })
        let serverWords = NameWords.split(input.name)
        let tools = zip(judged, assessments).map { pair, assessment in
            entry(pair.tool, assessment, recommendation.entries[pair.tool.name], serverWords)
        }
        return CatalogueServerEntry(
            name: input.name, version: input.version, source: input.source, about: input.about, rules: rules,
            policy: recommendation.policy.bytes, findings: findings(input, profile), tools: tools)
    }

    private func findings(_ input: CatalogueInput, _ profile: ServerProfile) -> [UInt8] {
        if let stated = input.findings { return stated.value.bytes }
        var writer = JSONWriter()
        let instructions = input.about.isEmpty ? [] : lint.findings(instructions: input.about)
        Assessment.write(instructions + NameFindings.findings([profile]), to: &writer)
        return writer.bytes
    }

    private func entry(
        _ tool: ToolDefinition, _ assessment: Assessment, _ recommended: JSONValue?, _ serverWords: [String]
    ) -> CatalogueToolEntry {
        // Written anew: without the file's spaces, its members in their order.
        let definition = tool.entry.value.bytes
        let tokens = ContextCost.tokens(in: definition[...])
        let kept =
            assessment.isStated
            ? assessment
            : Assessment(
                classification: assessment.classification, findings: assessment.findings, attacks: assessment.attacks,
                recommended: recommended)
        var writer = JSONWriter(capacity: 2 << 10)
        writer.beginObject()
        kept.write(name: tool.name, contextTokens: tokens, to: &writer)
        writer.endObject()
        let description = String(decoding: tool.description.utf8.prefix(Self.longestText), as: UTF8.self)
        var text = [tool.title ?? "", description] + NameWords.inner(description) + serverWords
        if let properties = tool.inputSchema?["properties"], properties.kind == .object {
            for (key, _) in properties.members.prefix(128) {
                guard let key = key.string else { continue }
                text.append(key)
                text += NameWords.split(key, most: 8)
            }
        }
        let classification = assessment.classification
        return CatalogueToolEntry(
            name: tool.name, words: NameWords.split(tool.name).joined(separator: " "),
            text: text.joined(separator: " "), category: classification.category.rawValue,
            severity: classification.severity.rawValue, signals: classification.signals.map(\.code.rawValue),
            summary: CatalogueJudge.summary(tool.description), contextTokens: tokens, definition: definition,
            assessment: writer.bytes)
    }

    /// The first sentence, made visible.
    static func summary(_ description: String) -> String {
        let shown = VisibleText.shown(description.prefix(longestSummary * 2)).split(separator: " ").joined(
            separator: " ")
        // `e.g. 10` ends no sentence.
        for (at, character) in zip(shown.indices.prefix(longestSummary), shown) where character == "." {
            let rest = shown[shown.index(after: at)...]
            if rest.first == " ", rest.dropFirst().first?.isUppercase == true { return String(shown[...at]) }
        }
        return shown.count <= longestSummary ? shown : String(shown.prefix(longestSummary)) + "…"
    }
}
