import JSON
import Policy
import Risk
import Support
import Testing

@Suite struct RecommendationTests {
    private func tool(_ text: String) throws -> ToolDefinition {
        try #require(ToolDefinition(JSONDocument.parse(Array(text.utf8)).root))
    }

    private func judged(
        _ tool: ToolDefinition, _ category: ToolCategory, _ signals: [RiskSignal] = []
    ) -> (ToolDefinition, Classification) {
        (
            tool,
            Classification(
                category: category, severity: .medium, confidence: .high, rationale: "", evidence: [], signals: signals)
        )
    }

    /// The policy is one that the gateway takes, and does what its own test expects; the test tries every rule.
    private func check(_ recommendation: Recommendation) throws {
        let report = PolicyTest.run(recommendation.test(policy: recommendation.policy).bytes, name: "recommended") {
            _ in nil
        }
        #expect(report.isGood, "\(report.failures)")
        // What is optional may be left out: that is what the warning says.
        #expect(report.problems.allSatisfy { $0.code == "policy.unguarded_deny_if" }, "\(report.problems)")
        #expect(report.unused.isEmpty, "\(report.unused)")
    }

    @Test func oneTableForCategories() throws {
        let tools = try ["read", "write", "execute", "destructive", "financial"].map {
            try tool(#"{"name":"\#($0)It"}"#)
        }
        let made = Recommendation(server: "s", judged: Array(zip(tools, ToolCategory.allCases)).map { judged($0, $1) })
        #expect(
            made.policy.text
                == #"{"version":"1","description":"Recommended for s by the tools' risks","default":"deny","#
                + #""hide":["destructiveIt"],"tools":{"readIt":{},"#
                + #""writeIt":{"limits":[{"counter":"writeit_rate","window":"minute","max":30,"scope":"grant"}]},"#
                + #""executeIt":{"limits":[{"counter":"executeit_rate","window":"minute","max":10,"scope":"grant"}]},"#
                + #""financialIt":{"action":"require_approval"}}}"#)
        try check(made)
    }

    @Test func argumentsThatAreDangerous() throws {
        let schema = """
            {"type":"object","required":["path","mode"],"properties":{"path":{"type":"string"},"backup":{"type":"string"},
            "paths":{"type":"array","items":{"type":"string"}},"callbackUrl":{"type":"string","format":"uri"},
            "mode":{"type":"string","description":"One of 'fast', 'slow'."},"sql":{"type":"string"},"limit":{"type":"integer"},
            "format":{"type":"string","description":"Output format ('JPG', 'PNG', default: 'JPG')"}}}
            """
        let signals = [
            RiskSignal(code: .acceptsFilePath, text: "", parameters: ["path", "backup", "paths"]),
            RiskSignal(code: .acceptsURL, text: "", parameters: ["callbackUrl"]),
            RiskSignal(code: .acceptsQuery, text: "", parameters: ["sql"]), RiskSignal(code: .bulk, text: ""),
        ]
        let tool = try tool(#"{"name":"importAll","inputSchema":\#(schema)}"#)
        let made = Recommendation(server: "s", judged: [judged(tool, .execute, signals)])
        let entry = try #require(made.entries["importAll"])
        #expect(entry["require"]?.text.contains("path_within") == true)
        for part in ["callbackUrl", "args.backup", "args.paths[*]", "args.limit", #"["JPG","PNG"]"#] {
            #expect(entry["deny_if"]?.text.contains(part) == true, "\(part)")
        }
        #expect(entry["require"]?.text.contains(#"["fast","slow"]"#) == true)
        #expect(entry["approve_if"]?.text.contains("args.sql") == true)
        #expect(made.reasons.filter(\.needsEditing).count == 4)
        try check(made)
    }

    /// Names are others' words: what a policy would read as a pattern gets no entry, and counters don't meet.
    @Test func oddNames() throws {
        let tools = try ["a*", "@read", "resource:x", "get/it", "getIt", "getit", "a.b", "ü"].map {
            try tool(#"{"name":"\#($0)"}"#)
        }
        let made = Recommendation(server: "\u{202E}s", judged: tools.map { judged($0, .write) })
        #expect(made.unnameable == ["a*", "@read", "resource:x"])
        try check(made)
    }

    /// A call names its tool and nothing else, so the worst definition of a name counts.
    @Test func sameNameTwice() throws {
        let (mild, grave) = (try tool(#"{"name":"a"}"#), try tool(#"{"name":"a","description":"Deletes all"}"#))
        for judged in [
            [judged(mild, .read), judged(grave, .destructive)], [judged(grave, .destructive), judged(mild, .read)],
        ] {
            let made = Recommendation(server: "s", judged: judged)
            #expect(made.policy["hide"] == ["a"])
            #expect(made.entries.isEmpty)
        }
    }

    /// Wherever an argument stands, and whatever it is called, it is asked about.
    @Test func argumentsInside() throws {
        let schema = """
            {"type":"object","required":["options","file path"],"properties":{
            "options":{"type":"object","required":["path"],"properties":{"path":{"type":"string"},"log":{"$ref":"#/$defs/P"}}},
            "file path":{"type":"string"},"edits":{"type":"array","items":{"type":"object","properties":{"path":{"type":"string"}}}}},
            "allOf":[{"properties":{"extra":{"type":"object","properties":{"path":{"type":"string"}}}}}],
            "$defs":{"P":{"type":"string"}}}
            """
        let signals = [RiskSignal(code: .acceptsFilePath, text: "", parameters: ["path", "log", "file path"])]
        let tool = try tool(#"{"name":"write","inputSchema":\#(schema)}"#)
        let made = Recommendation(server: "s", judged: [judged(tool, .write, signals)])
        let entry = try #require(made.entries["write"])
        let asked = (entry["require"]?.text ?? "") + (entry["deny_if"]?.text ?? "")
        for path in ["args.options.path", "args.options.log", "file path", "args.edits[*].path", "args.extra.path"] {
            #expect(asked.contains(path), "\(path)")
        }
        try check(made)
    }

    /// However a schema is put together, its parameters count for the judgement and are asked about.
    @Test(arguments: [
        ##"{"allOf":[{"properties":{"path":{"type":"string"}}}]}"##,
        ##"{"anyOf":[{"properties":{"path":{"type":"string"}}}]}"##,
        ##"{"oneOf":[{"$ref":"#/$defs/A"},{"type":"null"}],"$defs":{"A":{"properties":{"path":{"type":"string"}}}}}"##,
        ##"{"$ref":"#/$defs/A","$defs":{"A":{"allOf":[{"$ref":"#/$defs/B"}]},"B":{"properties":{"path":{"type":"string"}}}}}"##,
        ##"{"if":{},"then":{"properties":{"path":{"type":"string"}}}}"##,
    ])
    func schemasPutTogether(schema: String) throws {
        let tool = try tool(##"{"name":"read_file","description":"Reads a file","inputSchema":\##(schema)}"##)
        let classification = Classifier(rules: .standard).classify(tool, in: ServerProfile(name: "s", tools: [tool]))
        #expect(classification.signals.contains { $0.code == .acceptsFilePath })
        let made = Recommendation(server: "s", judged: [(tool, classification)])
        let entry = try #require(made.entries["read_file"])
        let asked = (entry["require"]?.text ?? "") + (entry["deny_if"]?.text ?? "")
        #expect(asked.contains("args.path"))
        try check(made)
    }

    /// References that lead back to themselves end.
    @Test func schemasWithoutEnd() throws {
        let names = (0..<30).map { ##""p\##($0)":{"$ref":"#/$defs/A"}"## }.joined(separator: ",")
        let schema =
            ##"{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","allOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/A"}],"properties":{\##(names)}}}}"##
        let tool = try tool(##"{"name":"read_file","description":"Reads a file","inputSchema":\##(schema)}"##)
        let classification = Classifier(rules: .standard).classify(tool, in: ServerProfile(name: "s", tools: [tool]))
        #expect(classification.category == .read)
    }

    @Test func movesAndRepositories() throws {
        let move = try tool(
            #"{"name":"move_file","description":"Moves a file.","inputSchema":{"type":"object","required":["source","destination"],"#
                + #""properties":{"source":{"type":"string"},"destination":{"type":"string"}}}}"#)
        let read = try tool(
            #"{"name":"get_file","inputSchema":{"type":"object","required":["repo","path"],"properties":{"repo":{"type":"string"},"#
                + #""path":{"type":"string"}}}}"#)
        let made = Recommendation(
            server: "s",
            judged: [
                judged(move, .write, [RiskSignal(code: .acceptsCode, text: "", parameters: ["source"])]),
                judged(read, .read, [RiskSignal(code: .acceptsFilePath, text: "", parameters: ["path"])]),
            ])
        #expect(made.entries["move_file"]?["require"]?.text.contains("args.destination") == true)
        #expect(made.entries["move_file"]?["require"]?.text.contains("args.source") == true)
        #expect(made.entries["get_file"]?["deny_if"]?.text.contains("repository") == true)
        #expect(made.entries["get_file"]?["require"] == nil)
        try check(made)
    }

    /// The file says itself why each part is there, and is still a policy that passes its test.
    @Test func reasonsStandInThePolicy() throws {
        let tools = try ["look", "drop", "pay"].map { try tool(#"{"name":"\#($0)"}"#) } + [tool(#"{"name":"a*"}"#)]
        let made = Recommendation(
            server: "s", judged: zip(tools, [.read, .destructive, .financial, .read]).map { judged($0, $1) })
        let explained = made.explained(leftOut: ["bad\u{200B}"], because: "It is poisoned.")
        let lines = try #require(explained["description"]?.string).split(separator: "\n")
        #expect(lines.first == "Recommended for s by the tools' risks.")
        for line in [
            "bad<U+200B>: It is poisoned.", "/tools/look: It only looks.",
            "/tools/pay/action: It moves money: a person decides each call.",
            "a*: No policy can name it, since its name reads as a pattern.",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("/hide/0: ") })
        let report = PolicyTest.run(made.test(policy: explained).bytes, name: "explained") { _ in nil }
        #expect(report.isGood, "\(report.failures)")
    }

    /// A policy has an end (256 KiB), and so have its reasons.
    @Test func reasonsHaveAnEnd() throws {
        let tools = try (0..<3000).map { try tool(#"{"name":"t\#($0)"}"#) }
        let made = Recommendation(server: "s", judged: tools.map { judged($0, .read) })
        let text = try #require(made.explained(leftOut: [], because: "")["description"]?.string)
        #expect(text.utf8.count < 33 << 10)
        #expect(text.contains("more reasons"))
    }

    /// What lies too deep or too far back to be looked at is told.
    @Test func schemasTooLarge() throws {
        let deep = String(repeating: #"{"properties":{"a":"#, count: 6) + "{}" + String(repeating: "}}", count: 6)
        let wide = (0..<2_010).map { #""p\#($0)":{"type":"string"}"# }.joined(separator: ",")
        for (schema, isTold) in [
            (deep, true), ("{\"properties\":{\(wide)}}", true), ("{\"properties\":{\"a\":{}}}", false),
        ] {
            let tool = try tool(#"{"name":"read","inputSchema":\#(schema)}"#)
            let made = Recommendation(server: "s", judged: [judged(tool, .read)])
            #expect(made.reasons.contains { $0.text.contains("not all of its arguments") } == isTold)
            try check(made)
        }
    }

    @Test(arguments: [
        ("query", "Queries the database", "statement", true),
        ("read_query", "Runs a SELECT query, read-only", "query", true),
        ("run", "Executes SQL", "query", true),
        ("search_docs", "Searches the manual of the SQL dialect", "query", false),
        ("find", "Finds notes by meaning", "query", false),
    ])
    func statementsByWhatTheToolSays(name: String, text: String, parameter: String, isAsked: Bool) throws {
        let tool = try tool(
            #"{"name":"\#(name)","description":"\#(text)","inputSchema":{"properties":{"\#(parameter)":{"type":"string"}}}}"#
        )
        let signal = RiskSignal(code: .acceptsQuery, text: "", parameters: [parameter])
        let made = Recommendation(server: "s", judged: [judged(tool, .read, [signal])])
        #expect((made.entries[name]?["approve_if"] != nil) == isAsked)
        try check(made)
    }

    /// That a statement only reads is the server's word; what can't write at all is believed.
    @Test(arguments: [
        ("sql", "The statement", true), ("query", "A SELECT in SQL", true), ("sqlQuery", "", true),
        ("query", "Cypher", true), ("query", "PromQL expression", false), ("query", "What to search for", false),
        ("esql", "An ES|QL query", false),
    ])
    func statementsOfReads(name: String, text: String, isAsked: Bool) throws {
        let tool = try tool(
            #"{"name":"read","inputSchema":{"properties":{"\#(name)":{"type":"string","description":"\#(text)"}}}}"#)
        let made = Recommendation(
            server: "s", judged: [judged(tool, .read, [RiskSignal(code: .acceptsQuery, text: "", parameters: [name])])])
        #expect((made.entries["read"]?["approve_if"] != nil) == isAsked)
        if isAsked { #expect(made.reasons.contains { $0.text.hasSuffix("That it only reads is the server's word.") }) }
        try check(made)
    }
}
