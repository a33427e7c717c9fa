import JSON
import Policy
import Risk
import Support
import Testing

/// Tools of servers outside the corpus, written and labelled by people's knowledge of real services before the rules were
/// tried on them. What the rules made of each set at first sight stands in docs/classification.md; here they must not fall
/// below what they reach since.
@Suite struct ClassificationBlindTests {
    @Test(arguments: (1...6).map { "blind-\($0).json" })
    func unseenServersAgree(file: String) throws {
        let bytes = try readFile(Places.packageRoot + "/Tests/RiskTests/Labels/" + file)
        let classifier = Classifier(rules: .standard)
        var (count, exact, near) = (0, 0, 0)
        var others = ""
        for server in try JSONDocument.parse(bytes).root.elements {
            let entries = try #require(server["tools"]).elements.map { $0 }
            let profile = ServerProfile(
                name: server["server"]?.string ?? "",
                tools: entries.compactMap { $0["definition"].flatMap(ToolDefinition.init) })
            try #require(profile.tools.count == entries.count)
            for (tool, entry) in zip(profile.tools, entries) {
                let category = try #require(entry["category"]?.string.flatMap(ToolCategory.init(rawValue:)))
                let severity = try #require(entry["severity"]?.string.flatMap(Severity.init(rawValue:)))
                let ours = classifier.classify(tool, in: profile)
                count += 1
                if abs(ours.severity.rank - severity.rank) <= 1 { near += 1 }
                if ours.category == category {
                    exact += 1
                } else {
                    others += "\(profile.name) \(tool.name): \(category.rawValue), ours \(ours.category.rawValue)\n"
                }
            }
        }
        #expect(count >= 90)
        #expect(exact * 100 >= count * 95, "\(exact) of \(count)\n\(others)")
        #expect(near * 100 >= count * 98, "\(near) of \(count)")
    }
}
