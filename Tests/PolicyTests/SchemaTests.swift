import JSON
import Testing

@testable import Policy

/// Schemas as tools have them, through the policy.
@Suite struct SchemaTests {
    static let image = #"""
        {"type":"object","required":["inputImage"],"additionalProperties":false,
         "properties":{"inputImage":{"type":"string"},"confidence":{"type":"number","minimum":0,"maximum":1},
           "model":{"enum":["a","b"]},"maxDetections":{"type":"integer","minimum":1,"maximum":20},
           "tags":{"type":"array","items":{"type":"string","pattern":"^[a-z]+$"}}}}
        """#

    static func policyText(_ arguments: String) -> String {
        #"{"version":"1","default":"deny"\#(arguments),"tools":{"t":{}}}"#
    }

    func denial(_ arguments: String, schema: String = image, policy text: String = policyText("")) throws -> Denial? {
        let facts = ToolFacts(name: "t", schema: CompiledSchema.compile(try json(schema)))
        return PolicyTests.denial(try policy(text), try call("t", arguments, facts: facts))
    }

    static let faults: [(arguments: String, pointer: String, keyword: String)] = [
        ("{}", "/inputImage", "required"), (#"{"inputImage":7}"#, "/inputImage", "type"),
        (#"{"inputImage":"x","confidence":1.01}"#, "/confidence", "maximum"),
        (#"{"inputImage":"x","model":"c"}"#, "/model", "enum"),
        (#"{"inputImage":"x","maxDetections":2.5}"#, "/maxDetections", "type"),
        (#"{"inputImage":"x","maxDetections":0}"#, "/maxDetections", "minimum"),
        (#"{"inputImage":"x","tags":["ok","NO"]}"#, "/tags/1", "pattern"),
        (#"{"inputImage":"x","a/b~c":1}"#, "/a~1b~0c", "additionalProperties"),
    ]

    @Test(arguments: faults.indices) func faultIsNamed(_ index: Int) throws {
        let row = Self.faults[index]
        let denial = try #require(try denial(row.arguments))
        #expect(denial.rule == "/arguments/schema" && denial.reason == .arguments)
        #expect(
            denial.evidence == [
                Evidence(condition: "/arguments/schema", path: row.pointer, result: "does_not_hold", note: row.keyword)
            ])
    }

    @Test func validArgumentsPass() throws {
        #expect(try denial(#"{"inputImage":"x","confidence":1,"maxDetections":20.0,"tags":[]}"#) == nil)
        #expect(try denial("{}", policy: Self.policyText(#","arguments":{"schema":"off"}"#)) == nil)
        #expect(
            try denial(#"{"inputImage":"x","model":"c"}"#, policy: Self.policyText(#","arguments":{"schema":"off"}"#))
                == nil)
    }

    @Test func unknownArguments() throws {
        let strict = Self.policyText(#","arguments":{"unknown":"deny"}"#)
        let open =
            ##"{"properties":{"a":true},"patternProperties":{"^x-":true},"allOf":[{"properties":{"b":true}},{"$ref":"#/$defs/more"}],"$defs":{"more":{"properties":{"c":true}},"other":{"properties":{"d":true}}}}"##
        for known in ["a", "b", "c", "x-1"] {
            #expect(try denial("{\"\(known)\":1}", schema: open, policy: strict) == nil, "\(known)")
        }
        for unknown in ["d", "A", "other", ""] {
            let found = try #require(try denial("{\"\(unknown)\":1}", schema: open, policy: strict))
            #expect(found.rule == "/arguments/unknown")
            #expect(try denial("{\"\(unknown)\":1}", schema: open) == nil)
        }
        // A tool without a schema names no argument.
        let policy = try policy(strict)
        #expect(outcome(policy, try call("t", #"{"a":1}"#)) == .deny("/arguments/unknown"))
        #expect(outcome(policy, try call("t", "{}")) == .allow)
    }

    /// What can't be understood refuses what it is about, and says so when compiled.
    @Test func brokenSchemas() throws {
        let rows: [(schema: String, arguments: String, passes: Bool)] = [
            (#"{"properties":{"a":{"pattern":"(?=x)"}}}"#, #"{"a":"x"}"#, false),
            (#"{"properties":{"a":{"pattern":"(?=x)"}}}"#, #"{"a":1}"#, true),
            (#"{"properties":{"a":{"$ref":"https://example.com/x"}}}"#, #"{"a":1}"#, false),
            (#"{"properties":{"a":{"$ref":"https://example.com/x"}}}"#, #"{"b":1}"#, true),
            (#"{"$schema":"http://json-schema.org/draft-04/schema#"}"#, "{}", true),
            (
                #"{"$schema":"http://json-schema.org/draft-04/schema#","dependencies":{"a":["b"]}}"#, #"{"a":1}"#,
                false
            ),
            (
                #"{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}"#, "{}",
                false
            ),
            (#"{"type":"objekt"}"#, "{}", false),
            (#"{"minProperties":-1}"#, "{}", false), (#"{"properties":{"a":5}}"#, #"{"a":1}"#, false),
            ("[]", "{}", false),
            (#"{"patternProperties":{"(?<!a)b":true}}"#, #"{"b":1}"#, false), (#"{"multipleOf":0}"#, "{}", false),
            (#"{"required":"a"}"#, "{}", false), (#"{"allOf":{}}"#, "{}", false),
        ]
        for row in rows {
            let schema = CompiledSchema.compile(try json(row.schema))
            #expect(!schema.problems.isEmpty, "\(row.schema)")
            #expect(schema.accepts(try json(row.arguments)) == row.passes, "\(row.schema) \(row.arguments)")
        }
    }

    @Test func endlessSchemasEnd() throws {
        let loop = CompiledSchema.compile(try json(##"{"$ref":"#"}"##))
        #expect(!loop.accepts(try json("{}")))
        let fan = CompiledSchema.compile(
            try json(##"{"anyOf":[{"allOf":[{"$ref":"#"},{"$ref":"#"}]},{"allOf":[{"$ref":"#"},{"$ref":"#"}]}]}"##))
        #expect(!fan.accepts(try json("{}")))
    }

    @Test func patternsOfTheWeb() throws {
        let rows: [(String, String, Bool)] = [
            ("^\\\\d{4}-\\\\d{2}$", "2026-01", true), ("^[\\\\w.-]+@[\\\\w-]+$", "a.b@c", true),
            ("^\\\\u0041$", "A", true),
            ("^\\\\uD83D\\\\uDE00$", "😀", true), ("^\\\\cJ$", "\\n", true), ("^[^]$", "x", true), ("[]", "x", false),
            ("^\\\\/a\\\\/$", "/a/", true),
            ("(?<year>\\\\d+)", "7", true), ("^\\\\s$", "\u{a0}", true), ("^[\\\\s]$", "\u{2003}", true),
            ("^\\\\S$", "a", true),
            ("^\\\\p{Lu}$", "É", true), ("^\\\\p{Script=Greek}$", "λ", true), ("^[[a]+$", "[a", true),
            ("^a\\\\-b$", "a-b", true), ("^[a\\\\-b]+$", "a-b", true),
        ]
        for (pattern, text, expected) in rows {
            let schema = CompiledSchema.compile(try json("{\"pattern\":\"\(pattern)\"}"))
            #expect(schema.problems == [], "\(pattern)")
            #expect(schema.accepts(try json("\"\(text)\"")) == expected, "\(pattern) \(text)")
        }
    }

    /// Wherever failing would let something pass, what can't be understood refuses.
    @Test(
        arguments: [
            #"{"not":{"pattern":"(?=a)"}}"#, #"{"not":{"minimum":"one"}}"#, ##"{"not":{"$ref":"#/nowhere"}}"##,
            #"{"oneOf":[true,{"pattern":"(?=a)"}]}"#, #"{"if":{"pattern":"(?=a)"},"then":false}"#,
            #"{"not":{"allOf":[{"type":"strin"}]}}"#, #"{"not":{"if":true,"then":{"pattern":"\\1"}}}"#,
        ]) func doubtRefuses(_ schema: String) throws
    {
        let compiled = CompiledSchema.compile(try json(schema))
        #expect(!compiled.problems.isEmpty)
        #expect(!compiled.accepts(try json(#""b""#)), "\(schema)")
        #expect(compiled.fault(in: try json(#""b""#)) != nil)
    }

    @Test func doubtInListsAndObjects() throws {
        let lists = CompiledSchema.compile(
            try json(#"{"contains":{"pattern":"(?=a)"},"minContains":0,"maxContains":0}"#))
        #expect(!lists.accepts(try json(#"["b"]"#)))
        let objects = CompiledSchema.compile(
            try json(
                #"{"not":{"patternProperties":{"(?=a)":{"type":"string"}},"additionalProperties":{"minimum":"x"}}}"#))
        #expect(!objects.accepts(try json(#"{"a":1}"#)))
        // Where failing refuses, another way may still be certain.
        let either = CompiledSchema.compile(try json(#"{"anyOf":[{"pattern":"(?=a)"},{"const":"b"}]}"#))
        #expect(either.accepts(try json(#""b""#)))
        #expect(!either.accepts(try json(#""a""#)))
    }

    /// A schema with too many parts refuses what the parts that were left out are about.
    @Test func partsBeyondTheLimitRefuse() throws {
        let count = SchemaCompiler.maxNodes + 10
        let properties = (0..<count).map { "\"p\($0)\":{\"minimum\":5}" }.joined(separator: ",")
        let schema = CompiledSchema.compile(try json("{\"properties\":{\(properties)}}"))
        #expect(!schema.problems.isEmpty)
        #expect(!schema.accepts(try json("{\"p0\":1}")))
        #expect(!schema.accepts(try json("{\"p\(count - 1)\":1}")))
    }

    /// Found by fuzzing: zeros in front of an exponent made an integer none.
    @Test(
        arguments: [
            ("12e000000366355", true), ("120e-0000000000001", true), ("12e-000000000001", false),
            ("0e99999999999999999999", true), ("0.00e-99999999999999999999", true), ("10e999999999", true),
            ("1e1000000000", true), ("10e1000000000", false), ("1e99999999999999999999", false),
            ("1e-99999999999999999999", false),
        ]) func integersHoweverSpelled(_ row: (text: String, isInteger: Bool)) throws
    {
        let schema = CompiledSchema.compile(try json(#"{"type":"integer"}"#))
        #expect(schema.accepts(try json(row.text)) == row.isInteger, "\(row.text)")
    }

    /// Numbers with absurd exponents cost no more than others.
    @Test func divisibilityOfHugeNumbers() throws {
        func accepts(_ divisor: String, _ number: String) throws -> Bool {
            CompiledSchema.compile(try json("{\"multipleOf\":\(divisor)}")).accepts(try json(number))
        }
        #expect(try accepts("7", "7e99999") && !accepts("7", "1e99999"))
        #expect(try accepts("1024", "1e10") && !accepts("1024", "1e9") && accepts("0.3", "3e999999999"))
        #expect(try accepts("999999999999999989", "999999999999999989e5000"))
        #expect(try !accepts("999999999999999989", "1e5000") && !accepts("99999999999999999989", "1e5000"))
        let list = "[" + Array(repeating: "1e99999999", count: 100_000).joined(separator: ",") + "]"
        let schema = CompiledSchema.compile(try json(#"{"items":{"not":{"multipleOf":7}}}"#))
        #expect(schema.accepts(try json(list)))
    }

    /// Of several faults the same one is named, however the arguments are written.
    @Test func orderDoesNotMatter() throws {
        let schema = CompiledSchema.compile(
            try json(
                #"{"properties":{"a":{"type":"string"},"b":{"properties":{"x":false,"y":false}},"c":{"maximum":5}},"additionalProperties":false}"#
            ))
        for text in [
            #"{"c":9,"zz":1,"b":{"y":1,"x":1},"a":1}"#, #"{"a":1,"b":{"x":1,"y":1},"c":9,"zz":1}"#,
            #"{"zz":1,"b":{"x":1,"y":1},"a":1,"c":9e0}"#,
        ] {
            let fault = try #require(schema.fault(in: try json(text)))
            #expect(fault.pointer == "/a" && fault.keyword == "type", "\(text)")
        }
        for text in [#"{"b":{"y":1,"x":1},"zz":0}"#, #"{"zz":0,"b":{"x":1,"y":1}}"#] {
            #expect(try #require(schema.fault(in: try json(text))).pointer == "/b/x", "\(text)")
        }
    }
}
