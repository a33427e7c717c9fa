import Base
import JSON
import Store
import Testing

@testable import Gateway

@Suite struct FindingsTests {
    private static func time(_ second: Int64) -> Instant { Instant(microseconds: second * 1_000_000) }

    private static func text(
        _ tool: String?, since: Int64 = 1, changed: Int64 = 1, gone: Int64? = nil, isRepeated: Bool = false,
        _ approval: ObservedText.Approval = .none
    ) -> ObservedText {
        ObservedText(
            tool: tool, since: time(since), changed: time(changed), gone: gone.map(time), isRepeated: isRepeated,
            approval: approval)
    }

    private static func server(_ name: String, _ onChange: OnChange?, _ texts: [ObservedText]) -> ObservedServer {
        ObservedServer(name: name, seen: time(9), onChange: onChange, texts: texts)
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(arguments: [(OnChange.hide, Finding.Effect.hidden), (.refuse, .refused), (.warn, .reported)])
    func whatIsNotAsItWasApproved(_ onChange: OnChange, _ effect: Finding.Effect) {
        let old = Self.bytes(#"{"name":"read","description":"a","inputSchema":{}}"#)
        let new = Self.bytes(#"{"name":"read","description":"b","inputSchema":{},"x":1}"#)
        let found = Findings.all([
            Self.server(
                "files", onChange,
                [
                    Self.text(nil, changed: 5, .other(approved: [], now: [])),
                    Self.text("read", changed: 6, .other(approved: old, now: new)),
                    Self.text("write", .same), Self.text("extra", since: 7),
                    Self.text("lost", gone: 8, .same), Self.text("long", changed: 3, .other(approved: old, now: [])),
                ])
        ])
        #expect(
            found.map { "\($0.severity) \($0.code.rawValue) \($0.tool ?? "-") \($0.since.microseconds / 1_000_000)" }
                == [
                    "high changed_instructions - 5", "high changed_definition long 3", "high changed_definition read 6",
                    "medium new_tool extra 7", "low removed_tool lost 8",
                ])
        #expect(found[2].place == "description, x" && found[1].place == nil)
        #expect(found[0..<4].allSatisfy { $0.effect == effect })
        #expect(found[4].effect == (onChange == .refuse ? .refused : .reported))
        #expect(found[3].mend.contains("`sluice server approve files extra`"))
    }

    @Test func aServerThatNobodyPinnedHasNamesOnly() {
        #expect(Findings.all([Self.server("a", nil, [Self.text(nil), Self.text("read")])]).isEmpty)
    }

    @Test func namesAreAboutTheNewcomer() throws {
        let found = Findings.all([
            Self.server("a", nil, [Self.text("read", since: 5), Self.text("send", isRepeated: true)]),
            Self.server("b", nil, [Self.text("r\u{435}ad", since: 3), Self.text("Send", since: 8)]),
            Self.server(
                "c", nil, [Self.text("read", since: 4), Self.text("z\u{200B}w"), Self.text("read ", gone: 1, .same)]),
        ])
        let lines = found.map { "\($0.severity) \($0.code.rawValue) \($0.server) \($0.also.map(\.server))" }
        #expect(
            lines == [
                #"high lookalike_name a ["b", "c"]"#, "high colliding_name a []", "high invisible_characters c []",
                #"low colliding_name a ["c"]"#, #"low lookalike_name b ["a"]"#,
            ])
        #expect(found[0].since == Self.time(5) && found[0].text.contains(#"r\u{0435}ad of b"#))
        #expect(found[2].quote == #"z\u{200B}w"#)
        #expect(found[0].concerns("c") && !found[2].concerns("a"))
        for finding in found { #expect((finding.text + finding.mend).unicodeScalars.allSatisfy { $0.value != 0x200B }) }
    }

    @Test func namesThatAShellWouldReadAreNotInCommands() {
        for name in ["a b", "$(rm)", "-x", "é", ""] {
            let found = Findings.all([Self.server("s", .hide, [Self.text(name)])])
            #expect(found.first { $0.code == .newTool }?.mend.contains("approve s 'TOOL'") == true || name.isEmpty)
        }
    }

    @Test func theJSONHasEveryMember() throws {
        let found = Findings.all([
            Self.server("a", nil, [Self.text("read", since: 5)]), Self.server("b", nil, [Self.text("read", since: 3)]),
        ])
        var writer = JSONWriter()
        try #require(found.first).write(to: &writer)
        let text = String(decoding: writer.bytes, as: UTF8.self)
        #expect(
            text.hasPrefix(
                #"{"code":"colliding_name","severity":"low","server":"a","tool":"read","where":null,"quote":null,"#))
        #expect(text.contains(#""also":[{"server":"b","tool":"read"}],"since":"1970-01-01T00:00:05.000000Z""#))
    }
}
