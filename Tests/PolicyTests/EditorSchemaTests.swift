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

    /// What only the loader can see: patterns that do not compile, calendar windows at no natural time, counters that
    /// disagree, keys that stand twice.
    static let beyondASchema: Set<String> = [
        "policy.bad_regex", "policy.bad_network", "policy.bad_directory", "policy.counter_conflict",
        "policy.duplicate_key", "policy.not_json", "policy.too_deep", "policy.too_large",
    ]

    /// Of other codes, the documents that a schema can't refuse: `args.*` is a name of a member to a pattern without
    /// look-ahead, numbers beyond 38 digits, and what depends on two fields at once.
    static let beyondASchemaToo = [
        #""args.*""#, #""max": 1e39"#, #""400d""#, #""60d""#, #""90m", "algorithm": "calendar""#,
        #""7m", "algorithm": "calendar""#,
    ]

    @Test func refusesWhatTheValidatorRefuses() throws {
        let schema = try Self.schema()
        var refused = 0
        for document in ProblemTests.documents {
            guard let view = try? JSONDocument.parse(Array(document.utf8)).root else { continue }
            let errors = PolicyDocument.load(view, name: "p", version: 1).errors
            if errors.isEmpty {
                #expect(schema.accepts(view), "\(document)")
            } else if errors.contains(where: { !Self.beyondASchema.contains($0.code) }),
                !Self.beyondASchemaToo.contains(where: { document.contains($0) })
            {
                #expect(!schema.accepts(view), "\(document)")
                refused += 1
            }
        }
        #expect(refused >= 60, "\(refused)")
    }

    @Test(arguments: [
        "args", "args.x", "args.äöü ß-1", #"args["any \" name"]"#, "args[0]", "args[-1]", "args[*][*].x", "len(args)",
        "lower(args.x)", #"host(args["a(b"])"#, "type(args.x[0])", "tool.name", #"tool["name"]"#, "tool.annotations",
        "tool.annotations.readOnlyHint", "len(tool.annotations)", "server.name", "grant.label", "lower(grant.identity)",
        "client.version", "session.id", "time.hour", "time.weekday", "time.date", "request.ip",
    ]) func acceptsEveryKindOfPath(_ path: String) throws {
        _ = try PathParser.parse(path)
        let document = JSONValue.object([
            JSONMember("version", "1"), JSONMember("default", "deny"),
            JSONMember(
                "all_tools", ["require": [["path": .string(path), "op": "eq", "value": 1]]]),
        ])
        #expect(try Self.schema().accepts(try JSONDocument.parse(document.bytes).root))
    }

    /// The file is what the code says; a change of the language changes both or neither.
    @Test func theFileIsGenerated() throws {
        #expect(try Golden.difference(PolicySchema.text, "schema/policy.schema.json") == nil)
    }
}
