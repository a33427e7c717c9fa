import JSON
import Support
import Testing

@testable import Policy

/// schema/policy.schema.json says the same as the validator, as far as a schema can.
@Suite struct EditorSchemaTests {
    static func schema() throws -> CompiledSchema {
        CompiledSchema.compile(
            try JSONDocument.parse(try readFile(Places.packageRoot + "/schema/policy.schema.json")).root)
    }

    @Test func isASchemaItself() throws {
        #expect(try Self.schema().problems == [])
        let meta = try #require(MetaSchemas.documents["https://json-schema.org/draft/2020-12/schema"])
        let text = try readFile(Places.packageRoot + "/schema/policy.schema.json")
        #expect(CompiledSchema.compile(meta).accepts(try JSONDocument.parse(text).root))
    }

    @Test func acceptsTheStarterPolicies() throws {
        let schema = try Self.schema()
        let folder = Places.packageRoot + "/Assets/policies"
        for name in try listFolder(folder) where name.hasSuffix(".policy.json") {
            #expect(schema.accepts(try JSONDocument.parse(try readFile(folder + "/" + name)).root), "\(name)")
        }
    }

    @Test(arguments: 300..<304) func acceptsWhatTheValidatorAccepts(_ seed: UInt64) throws {
        let schema = try Self.schema()
        var random = PolicyGenerator(seed: seed)
        for _ in 0..<150 {
            let value = random.policy()
            #expect(schema.accepts(try JSONDocument.parse(value.bytes).root), "\(value.text)")
        }
    }

    /// What only the validator can see: patterns that do not compile, paths that mean nothing, counters that disagree.
    static let beyondASchema: Set<String> = [
        "policy.bad_regex", "policy.bad_network", "policy.bad_directory", "policy.counter_conflict", "policy.bad_path",
        "policy.bad_max",
        "policy.unknown_window", "policy.bad_timeout", "policy.too_deep", "policy.duplicate_key", "policy.not_json",
        "policy.too_large",
        "policy.unknown_function",
    ]

    @Test func refusesWhatTheValidatorRefuses() throws {
        let schema = try Self.schema()
        for document in ProblemTests.documents {
            guard let view = try? JSONDocument.parse(Array(document.utf8)).root else { continue }
            let errors = PolicyDocument.load(view, name: "p", version: 1).errors
            if errors.isEmpty {
                #expect(schema.accepts(view), "\(document)")
            } else if errors.contains(where: { !Self.beyondASchema.contains($0.code) }) {
                #expect(!schema.accepts(view), "\(document)")
            }
        }
    }

    /// The words and bounds of the schema are those of the code, so neither can change alone.
    @Test func wordsAndBoundsAgree() throws {
        let root = try JSONDocument.parse(try readFile(Places.packageRoot + "/schema/policy.schema.json")).root
        func at(_ pointer: String) -> JSONView? { JSONPointer(pointer).flatMap { root[$0] } }
        func words(_ pointer: String) -> [String] { at(pointer + "/enum")?.elements.compactMap(\.string) ?? [] }
        #expect(words("/$defs/condition/properties/op") == Operator.allCases.map(\.rawValue))
        #expect(words("/$defs/rule/properties/op") == Operator.allCases.map(\.rawValue))
        #expect(words("/$defs/condition/properties/each") == Quantifier.allCases.map(\.rawValue))
        #expect(words("/$defs/entry/properties/action") == CompiledEntry.Action.allCases.map(\.rawValue))
        #expect(words("/$defs/limit/properties/scope") == QuotaScope.allCases.map(\.rawValue))
        #expect(words("/$defs/limit/properties/algorithm") == QuotaWindow.Algorithm.allCases.map(\.rawValue))
        #expect(words("/$defs/selector/then") == ToolCategory.allCases.map { "@" + $0.rawValue })
        #expect(at("/properties/tools/maxProperties")?.int == Int64(PolicyDocument.maxEntries))
        #expect(at("/properties/hide/maxItems")?.int == Int64(PolicyDocument.maxEntries))
        for list in ["require", "deny_if", "approve_if", "limits"] {
            #expect(at("/$defs/entry/properties/\(list)/maxItems")?.int == Int64(PolicyDocument.maxRules), "\(list)")
        }
        #expect(at("/$defs/rule/properties/conditions/maxItems")?.int == Int64(PolicyDocument.maxConditions))
        #expect(at("/$defs/path/maxLength")?.int == Int64(PathParser.maxBytes))
        #expect(at("/$defs/selector/maxLength")?.int == Int64(Selector.maxBytes))
    }
}
