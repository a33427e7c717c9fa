import JSON
import MCP
import Testing

@Suite struct PinTests {
    private let tool =
        #"{"name":"a","description":"d","inputSchema":{"type":"object","properties":{"b":{},"a":{}}},"annotations":{"readOnlyHint":true}}"#

    @Test(arguments: [
        #"{ "description" : "\u0064", "annotations":{"readOnlyHint":true},"inputSchema":{"properties":{"a":{},"b":{}},"type":"object"},"name":"a"}"#,
        #"{"name":"a","description":"d","inputSchema":{"type":"object","properties":{"b":{},"a":{}}},"annotations":{"readOnlyHint":true},"_meta":{"time":7}}"#,
    ])
    func spellingDoesNotCount(other: String) throws {
        #expect(Definition.pinInput(.tools, try view(tool)) == Definition.pinInput(.tools, try view(other)))
        #expect(Definition.changedMembers(try view(tool), try view(other)).isEmpty)
    }

    @Test(arguments: [
        (#""d""#, #""D""#, ["description"]), (#""name":"a""#, #""name":"b""#, ["name"]),
        (#""b":{}"#, #""b":{"type":"string"}"#, ["inputSchema"]),
        ("true", "false", ["annotations"]), (#""name":"a""#, #""name":"a","title":"t""#, ["title"]),
        (#""name":"a""#, #""name":"a","outputSchema":{}"#, ["outputSchema"]),
        (#""name":"a""#, #""name":"a","icons":[]"#, ["icons"]),
        (#""name":"a""#, #""name":"a","unheard":1"#, ["unheard"]),
        (#""name":"a""#, #""name":"a","_meta":{"ui":{}}"#, ["_meta"]),
        (#""description":"d","#, "", ["description"]),
    ])
    func everyMeaningCounts(old: String, new: String, changed: [String]) throws {
        let other = tool.replacing(old, with: new, maxReplacements: 1)
        #expect(Definition.pinInput(.tools, try view(tool)) != Definition.pinInput(.tools, try view(other)))
        #expect(Definition.changedMembers(try view(tool), try view(other)) == changed)
    }

    @Test func kindsAndInstructionsAreKeptApart() throws {
        #expect(Definition.pinInput(.tools, try view(tool)) != Definition.pinInput(.prompts, try view(tool)))
        #expect(Definition.pinInput(instructions: nil) != Definition.pinInput(instructions: ""))
        #expect(Definition.pinInput(instructions: "null") != Definition.pinInput(instructions: nil))
        // The bytes themselves are stored as hashes: they must not change between versions.
        #expect(
            text(Definition.pinInput(.tools, try view(#"{"name":"a","n":1.0}"#)))
                == #"{"definition":{"n":1,"name":"a"},"kind":"tools","pin":1}"#)
        #expect(text(Definition.pinInput(instructions: "i")) == #"{"instructions":"i","pin":1}"#)
    }

    @Test(arguments: [
        ("read_file", "readFile"), ("read_file", "read-file"), ("paypal", "pаypаl"), ("paypal", "ｐａｙｐａｌ"),
        ("list", "l1st"),
        ("list", "Iist"), ("modern", "modem"), ("www", "vvvvvv"), ("zero0", "zeroo"), ("file", "fi\u{200B}le"),
        ("file", "fıle"),
        ("cafe", "café"), ("cafe", "cafe\u{301}"), ("copy", "сору"), ("omega", "οmεgα"), ("a", "𝐚"), ("send", "ѕеnd"),
        ("a", "Ⓐ"),
    ])
    func theseLookAlike(a: String, b: String) {
        #expect(LookAlikeNames.skeleton(a) == LookAlikeNames.skeleton(b))
    }

    @Test(arguments: [("read", "write"), ("list", "lost"), ("a", "b"), ("get_1", "get_2"), ("读", "写")])
    func theseDoNot(a: String, b: String) {
        #expect(LookAlikeNames.skeleton(a) != LookAlikeNames.skeleton(b))
    }

    @Test func findsWhatIsOdd() {
        func entry(_ server: String, _ name: String) -> LookAlikeNames.Entry { .init(server: server, name: name) }
        let all = [
            entry("a", "read_file"), entry("b", "read_file"), entry("b", "readFile"), entry("c", "send"),
            entry("c", "send"),
            entry("d", "x\u{202E}y"), entry("d", "fine"),
        ]
        let findings = LookAlikeNames.findings(all)
        #expect(LookAlikeNames.findings(all.reversed()) == findings)
        #expect(
            Set(findings) == [
                .init(kind: .duplicateName, entries: [entry("a", "read_file"), entry("b", "read_file")]),
                .init(
                    kind: .lookAlike,
                    entries: [entry("a", "read_file"), entry("b", "readFile"), entry("b", "read_file")]),
                .init(kind: .repeatedName, entries: [entry("c", "send")]),
                .init(kind: .hiddenCharacters, entries: [entry("d", "x\u{202E}y")]),
            ])
        #expect(findings.count == 4)
        #expect(LookAlikeNames.findings([]).isEmpty)
    }
}
