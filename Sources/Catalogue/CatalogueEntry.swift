internal import JSON
internal import Policy
internal import Risk
package import Store

extension CatalogueServerEntry {
    /// Bytes that one definition may have.
    private static let largestDefinition = 1 << 20

    /// Everything that the catalogue keeps of a server that was judged.
    /// - Throws: `tooLarge` for a definition that no catalogue should keep.
    package init(_ server: ScannedServer) throws(CatalogueError) {
        for tool in server.tools where tool.definition.entry.range.count > Self.largestDefinition {
            throw CatalogueError(
                .tooLarge,
                "the definition of `\(VisibleText.shown(tool.name.prefix(80)))` has \(tool.definition.entry.range.count) bytes",
                mend: "the catalogue keeps definitions of up to \(Self.largestDefinition >> 10) KiB")
        }
        let material = server.material
        var findings = JSONWriter()
        findings.beginArray()
        for placed in server.findings { placed.finding.write(at: placed.place, to: &findings) }
        findings.endArray()
        let words = NameWords.split(server.name)
        let about = material.instructions ?? ""
        self.init(
            name: server.name, version: material.release, source: material.source, repository: material.repository,
            about: about.isEmpty ? material.description : about, rules: server.rules,
            policy: server.recommendation.policy.bytes, findings: findings.bytes, incomplete: material.incomplete,
            tools: server.tools.map { CatalogueToolEntry($0, serverWords: words) })
    }
}

extension CatalogueToolEntry {
    private static let longestText = 8 << 10
    private static let longestSummary = 200

    fileprivate init(_ tool: ScannedTool, serverWords: [String]) {
        // Written anew: without the file's spaces, its members in their order.
        let definition = tool.definition.entry.value.bytes
        let tokens = ContextCost.tokens(in: definition[...])
        let assessment = tool.assessment
        var writer = JSONWriter(capacity: 2 << 10)
        writer.beginObject()
        assessment.write(name: tool.name, contextTokens: tokens, to: &writer)
        writer.endObject()
        let description = String(decoding: tool.definition.description.utf8.prefix(Self.longestText), as: UTF8.self)
        var text = [tool.definition.title ?? "", description] + NameWords.inner(description) + serverWords
        if let properties = tool.definition.inputSchema?["properties"], properties.kind == .object {
            for (key, _) in properties.members.prefix(128) {
                guard let key = key.string else { continue }
                text.append(key)
                text += NameWords.split(key, most: 8)
            }
        }
        self.init(
            name: tool.name, words: NameWords.split(tool.name).joined(separator: " "),
            text: text.joined(separator: " "), category: assessment.classification.category.rawValue,
            severity: assessment.risk.rawValue, signals: assessment.classification.signals.map(\.code.rawValue),
            summary: Self.summary(tool.definition.description), contextTokens: tokens, definition: definition,
            assessment: writer.bytes)
    }

    /// The first sentence, made visible.
    private static func summary(_ description: String) -> String {
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
