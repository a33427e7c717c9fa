import JSON
import Support
import Testing

@testable import Policy

/// The mandatory cases of the JSON Schema test suite, both drafts.
@Suite struct SchemaSuiteTests {
    static let suite = Places.shared + "/suites/json-schema"

    static func files(_ draft: String) -> [String] {
        ((try? listFolder(suite + "/tests/" + draft)) ?? []).filter { $0.hasSuffix(".json") }.map { draft + "/" + $0 }
    }

    static let all = files("draft2020-12") + files("draft7")

    /// The suite's remote schemas, handed in by the addresses that the suite gives them.
    static let remotes: [String: JSONView] = {
        var remotes: [String: JSONView] = [:]
        func add(_ folder: String, as address: String) {
            for name in (try? listFolder(suite + "/remotes/" + folder)) ?? [] {
                let path = folder + "/" + name
                if name.hasSuffix(".json") {
                    remotes[address + "/" + name] =
                        (try? readFile(suite + "/remotes/" + path)).flatMap { try? JSONDocument.parse($0).root }
                } else {
                    add(path, as: address + "/" + name)
                }
            }
        }
        add("draft2020-12", as: "http://localhost:1234/draft2020-12")
        add("draft7", as: "http://localhost:1234/draft7")
        // Draft-07's cases name some of them without a draft; our copy of the suite has those only under 2020-12.
        add("draft2020-12", as: "http://localhost:1234")
        return remotes
    }()

    @Test func theSuiteIsThere() {
        #expect(Self.all.count >= 80)
        #expect(Self.remotes.count >= 20)
    }

    @Test func metaSchemasAreRead() {
        #expect(MetaSchemas.documents.count == MetaSchemas.texts.count)
    }

    static let formats = ["draft2020-12", "draft7"].flatMap { files($0 + "/optional/format") }

    /// No format is asserted: all that the optional cases call invalid is accepted, with nothing to complain about. A list of
    /// those that are asserted would begin here; docs/policy.md holds it for users.
    @Test(arguments: formats) func formatsAreAnnotations(_ file: String) throws {
        let document = try JSONDocument.parse(try readFile(Self.suite + "/tests/" + file))
        for group in document.root.elements {
            let schema = try #require(group["schema"])
            // Some cases are about patterns instead, or hold the format beside other keywords.
            guard schema.members.allSatisfy({ ["$schema", "format"].contains($0.key.string) }) else { continue }
            let compiled = CompiledSchema.compile(
                schema, documents: [:], assuming: file.hasPrefix("draft7") ? .draft7 : .draft2020)
            #expect(compiled.problems == [])
            for test in try #require(group["tests"]).elements {
                #expect(compiled.accepts(try #require(test["data"])), "\(file): \(test["description"]?.string ?? "")")
            }
        }
    }

    /// A dialect that insists on asserting formats is reported rather than passed over; one that merely may is not.
    @Test func dialectsThatAssertFormats() throws {
        let document = try JSONDocument.parse(
            try readFile(Self.suite + "/tests/draft2020-12/optional/format-assertion.json"))
        for (group, isReported) in zip(document.root.elements, [false, true]) {
            let compiled = CompiledSchema.compile(try #require(group["schema"]), documents: Self.remotes)
            #expect(compiled.problems.isEmpty != isReported)
        }
    }

    @Test(arguments: all) func mandatory(_ file: String) throws {
        let document = try JSONDocument.parse(try readFile(Self.suite + "/tests/" + file))
        let dialect: SchemaDialect = file.hasPrefix("draft7") ? .draft7 : .draft2020
        for group in document.root.elements {
            let schema = try #require(group["schema"])
            let compiled = CompiledSchema.compile(schema, documents: Self.remotes, assuming: dialect)
            let title = group["description"]?.string ?? ""
            #expect(compiled.problems == [], "\(file): \(title)")
            for test in try #require(group["tests"]).elements {
                let data = try #require(test["data"])
                let name = "\(file): \(title): \(test["description"]?.string ?? "")"
                #expect(compiled.accepts(data) == test["valid"]?.bool, "\(name)")
            }
        }
    }
}
