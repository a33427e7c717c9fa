import JSON
import MCP
import Testing

@Suite struct HandshakeTests {
    @Test func aLegacyClientIsToldWhatTheServerSaid() throws {
        let answer = try message(
            #"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"resources":{"subscribe":true}},"#
                + #""serverInfo":{"name":"s","version":"2","title":"T"},"instructions":"Do."}}"#)
        let hello = try #require(UpstreamHello(answer))
        #expect(hello.hasTools && hello.hasSubscriptions)
        let result = hello.initializeResult(version: .november2025, relays: .all)
        #expect(result["protocolVersion"] == "2025-11-25")
        #expect(result["capabilities"] == ["tools": [:], "resources": ["subscribe": true]])
        #expect(result["serverInfo"] == ["name": "s", "version": "2", "title": "T"])
        #expect(result["instructions"] == "Do.")
        let discovered = hello.discoverResult(relays: .all)
        #expect(discovered["resultType"] == "complete")
        #expect(discovered["supportedVersions"] == ["2026-07-28"])
        #expect(discovered["instructions"] == "Do.")
    }

    @Test func aModernServerIntroducesItselfToBothEras() throws {
        let answer = try message(
            #"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"#
                + #""capabilities":{"tools":{"listChanged":true}},"instructions":"Do.","_meta":"#
                + #"{"io.modelcontextprotocol/serverInfo":{"name":"m","version":"3"}}}}"#)
        let hello = try #require(UpstreamHello(discovered: answer))
        #expect(hello.version == .july2026)
        #expect(
            hello.initializeResult(version: .june2025, relays: .all)["serverInfo"] == ["name": "m", "version": "3"])
        #expect(hello.discoverResult(relays: .all)["capabilities"] == ["tools": ["listChanged": true]])
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"1999-01-01"}}"#,
        #"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        #"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#,
    ])
    func refusesStrangeAnswers(text: String) throws {
        #expect(UpstreamHello(try message(text)) == nil)
    }

    @Test(arguments: [
        (#"{"name":"t"}"#, true), (#"{"name":"t","arguments":{}}"#, true), (#"{}"#, false),
        (#"{"name":1}"#, false), (#"{"name":"t","arguments":[]}"#, false), (#"{"name":"t","arguments":null}"#, false),
        (#"{"name":"t","Name":"u"}"#, false), (#"{"name":"t","arguments":{},"ARGUMENTS":{}}"#, false),
        (#"{"name":"t","_meta":{"progressToken":1.5}}"#, false), (#"{"name":"t","_meta":{"progressToken":"x"}}"#, true),
        // Go's encoding/json takes these for `name` and `arguments` too.
        (#"{"name":"t","argumentſ":{}}"#, false), (#"{"name":"t","argument\u017f":{}}"#, false),
        (#"{"name":"t","tasK":{}}"#, false), (#"{"name":"t","taſk":{}}"#, false),
        (#"{"name":"t","requeſtState":"x"}"#, false),
        (#"{"name":"t","arguments":{"a":1,"A":2}}"#, false), (#"{"name":"t","arguments":{"as":1,"aſ":2}}"#, false),
        (#"{"name":"t","arguments":{"a":{"b":1,"B":2},"c":1}}"#, true),
    ])
    func readsToolCalls(params: String, isGood: Bool) throws {
        let call = try message(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(params)}"#)
        let isAccepted = (try? ToolCall(call)) != nil
        #expect(isAccepted == isGood)
    }
}
