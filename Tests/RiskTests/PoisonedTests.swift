import JSON
import Risk
import Support
import Testing

/// Definitions that were written to deceive, and honest ones that a hasty look takes for such. Whoever wrote them had not
/// seen the rules.
@Suite struct PoisonedTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let kind: String
        let codes: [String]
        let definition: JSONView

        var testDescription: String { name }

        static func all(_ file: String) -> [Case] {
            guard let bytes = try? readFile(Places.packageRoot + "/Tests/RiskTests/Poisoned/" + file),
                let root = try? JSONDocument.parse(bytes, limits: JSONLimits(maxBytes: 16 << 20)).root
            else { return [] }
            return root.elements.compactMap { entry in
                guard let name = entry["name"]?.string, let kind = entry["kind"]?.string,
                    let definition = entry["definition"]
                else { return nil }
                let codes = (entry["expect"] ?? entry["mild"])?.elements.compactMap(\.string) ?? []
                return Case(name: name, kind: kind, codes: codes, definition: definition)
            }
        }
    }

    static let poisoned = Case.all("cases.json")
    static let innocent = ["innocent.json", "blind-innocent.json", "blind-innocent-2.json"].flatMap(Case.all)

    let lint: MetadataLint

    init() throws { lint = try MetadataLint.standard() }

    /// Findings about one case.
    private func findings(_ one: Case) throws -> [MetadataFinding] {
        switch one.kind {
        case "tool":
            return lint.findings(in: try #require(ToolDefinition(one.definition)))
        case "instructions":
            return lint.findings(instructions: one.definition["text"]?.string ?? "")
        case "servers":
            let servers = one.definition.elements.map { server in
                ServerProfile(
                    name: server["name"]?.string ?? "",
                    tools: server["tools"].map { $0.elements.compactMap(ToolDefinition.init) } ?? [])
            }
            return NameFindings.findings(servers) + servers.flatMap(\.tools).flatMap(lint.findings(in:))
        default:
            return lint.findings(inEntry: one.definition)
        }
    }

    @Test func poisonIsFound() throws {
        #expect(Self.poisoned.count >= 60)
        var missed = ""
        var count = 0
        for one in Self.poisoned {
            let found = try findings(one).map(\.code.rawValue)
            if found.contains(where: one.codes.contains) { continue }
            count += 1
            missed +=
                "missed \(one.name) \(one.codes) found \(found): \(String(decoding: one.definition.rawBytes.prefix(700), as: UTF8.self))\n"
        }
        if let path = Corpus.report { try writeFile(path + ".missed", Array(missed.utf8)) }
        #expect(count == 0, "\(missed)")
    }

    /// Sets that were written before the rules were tried on them; docs/findings.md tells what they found at first sight.
    @Test(arguments: (1...5).map { "blind-\($0).json" })
    func blindPoisonIsFound(file: String) throws {
        let cases = Case.all(file)
        #expect(cases.count >= 40)
        let missed = try cases.filter { one in
            try !findings(one).map(\.code.rawValue).contains(where: one.codes.contains)
        }
        #expect(missed.count * 100 <= cases.count * 5, "\(missed.map(\.name))")
    }

    @Test func innocenceIsLeftAlone() throws {
        #expect(Self.innocent.count >= 300)
        var accused = ""
        for one in Self.innocent {
            for finding in try findings(one) where finding.severity >= .high {
                accused += "accused \(one.name) \(finding.code.rawValue) \(finding.place): \(finding.quote)\n"
            }
        }
        if let path = Corpus.report { try writeFile(path + ".accused", Array(accused.utf8)) }
        #expect(accused.isEmpty, "\(accused)")
    }
}
