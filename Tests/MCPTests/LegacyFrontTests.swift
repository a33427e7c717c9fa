import JSON
import MCP
import Testing

/// A legacy client in front of a modern server.
@Suite struct LegacyFrontTests {
    @Test func discoverBecomesInitialize() throws {
        let discovered = try view(
            #"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"#
                + #""resources":{"subscribe":true},"logging":{},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{"x":1}}},"#
                + #""instructions":"Do.","ttlMs":1,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}}"#
        )
        let result = LegacyFront.initializeResult(discovered, version: .november2025, relays: .all)
        #expect(
            result.text
                == #"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{},"#
                + #""tasks":{"cancel":{},"requests":{"tools":{"call":{}}}},"extensions":{"a/b":{"x":1}}},"#
                + #""serverInfo":{"name":"s","version":"2"},"instructions":"Do."}"#)
        let older = LegacyFront.initializeResult(discovered, version: .june2025, relays: .all)
        #expect(older["capabilities"]?["tasks"] == nil)
        #expect(older["protocolVersion"] == "2025-06-18")
        let bare = LegacyFront.initializeResult(try view("{}"), version: .june2025, relays: .all)
        #expect(bare["serverInfo"] == ["name": "unknown", "version": "0"])
        #expect(bare["capabilities"] == [:])
    }

    private static let sender = LegacyFront.Sender(
        capabilities: ["roots": [:]], info: ["name": "c", "version": "1"], logLevel: .warning)
    private static let meta =
        #""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"#
        + #""io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/logLevel":"warning""#

    @Test(arguments: [
        (
            #"{"jsonrpc":"2.0","id":1,"method":"m"}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{\#(meta)}}}"#
        ),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{}}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{\#(meta)}}}"#
        ),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"n":1.00},"_meta":{"progressToken":"t","k":1e2}}}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"n":1.00},"_meta":{"progressToken":"t","k":1e2,\#(meta)}}}"#
        ),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":null,"task":{"ttl":1}}}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{\#(meta)}}}"#
        ),
    ])
    func aRequestGetsItsEnvelope(original: String, expected: String) throws {
        let request = try message(original)
        var splice = JSONSplice(request.document)
        LegacyFront.request(request, from: Self.sender, in: &splice)
        #expect(text(splice.applied()) == expected)
        #expect(try RequestEnvelope(try message(expected)).logLevel == .warning)
    }

    @Test func whatALegacyClientForgesIsOverwritten() throws {
        let request = try message(
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"io.modelcontextprotocol/logLevel":"debug"}}}"#
        )
        var splice = JSONSplice(request.document)
        LegacyFront.request(
            request, from: LegacyFront.Sender(capabilities: [:], info: nil, logLevel: nil), in: &splice)
        let sent = try RequestEnvelope(try message(text(splice.applied()) ?? ""))
        #expect(sent.clientCapabilities.count == 0)
        #expect(sent.logLevel == nil)
        #expect(sent.versionText == "2026-07-28")
    }

    @Test func editsElsewhereGoAlong() throws {
        let request = try message(#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"s__a"}}"#)
        var splice = JSONSplice(request.document)
        LegacyFront.request(request, from: LegacyFront.Sender(capabilities: [:], info: nil, logLevel: nil), in: &splice)
        splice.set("id", to: 9, in: request.document.root)
        splice.set(["params", "_meta", "progressToken"], to: Array("9".utf8), under: request.document.root)
        if let name = request.params?["name"] { splice.replace(name, with: "a") }
        #expect(
            text(splice.applied())
                == #"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#
                + #""io.modelcontextprotocol/clientCapabilities":{},"progressToken":9}}}"#)
    }

    @Test func inputIsAskedOfTheClientAndSentBack() throws {
        let input = try InputRequired(
            try view(
                #"{"resultType":"input_required","requestState":"st\"ate","inputRequests":{"f":{"method":"elicitation/create","params":{"mode":"form","message":"m","n":1.0}},"#
                    + #""u":{"method":"elicitation/create","params":{"mode":"url","url":"https://x"}},"r":{"method":"roots/list"}}}"#
            ))
        let requests = try LegacyFront.serverRequests(
            input, version: .november2025, capabilities: try view(#"{"elicitation":{"form":{},"url":{}},"roots":{}}"#)
        ) { "id-\($0)" }
        #expect(requests.map(\.key) == ["f", "u", "r"])
        #expect(text(requests[0].params) == #"{"mode":"form","message":"m","n":1.0}"#)
        #expect(text(requests[1].params) == #"{"mode":"url","url":"https://x","elicitationId":"id-u"}"#)
        #expect(requests[2].params == nil)

        let accepted = try message(#"{"jsonrpc":"2.0","id":7,"result":{"action":"accept","content":{"n":1.00}}}"#)
        let failed = try message(#"{"jsonrpc":"2.0","id":8,"error":{"code":-1,"message":"no"}}"#)
        let answers = [
            (key: "f", result: try LegacyFront.inputResponse(accepted, for: .form)),
            (key: "u", result: try LegacyFront.inputResponse(failed, for: .url)),
        ]
        #expect(throws: Untranslatable.inputError(.roots)) { try LegacyFront.inputResponse(failed, for: .roots) }
        let call = try message(
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":"forged"}}"#)
        var splice = JSONSplice(call.document)
        LegacyFront.retry(
            call, from: LegacyFront.Sender(capabilities: [:], info: nil, logLevel: nil), answers: answers,
            requestState: input.requestState, in: &splice)
        let params = try #require(try message(text(splice.applied()) ?? "").params)
        #expect(params["requestState"]?.string == "st\"ate")
        #expect(
            params["inputResponses"].map { text(Array($0.rawBytes)) }
                == #"{"f":{"action":"accept","content":{"n":1.00}},"u":{"action":"cancel"}}"#)
        #expect(params["name"]?.string == "a")

        var bare = JSONSplice(call.document)
        LegacyFront.retry(
            call, from: LegacyFront.Sender(capabilities: [:], info: nil, logLevel: nil), answers: [], requestState: nil,
            in: &bare)
        #expect(try message(text(bare.applied()) ?? "").params?["requestState"] == nil)
    }

    @Test(arguments: [
        (
            "elicitation/create", #"{"mode":"url"}"#, ProtocolVersion.june2025, #"{"elicitation":{"url":{}}}"#,
            Untranslatable.inputUnknown(.url, .june2025)
        ),
        ("elicitation/create", "{}", .march2025, #"{"elicitation":{}}"#, .inputUnknown(.form, .march2025)),
        (
            "sampling/createMessage", #"{"tools":[]}"#, .june2025, #"{"sampling":{"tools":{}}}"#,
            .inputUnknown(.samplingWithTools, .june2025)
        ),
        ("roots/list", "{}", .november2025, "{}", .inputUndeclared(.roots)),
        ("elicitation/create", #"{"mode":"url"}"#, .november2025, #"{"elicitation":{}}"#, .inputUndeclared(.url)),
    ])
    func someInputCantBeAsked(
        method: String, params: String, version: ProtocolVersion, capabilities: String, reason: Untranslatable
    ) throws {
        let input = try InputRequired(
            try view(
                #"{"resultType":"input_required","inputRequests":{"k":{"method":"\#(method)","params":\#(params)}}}"#))
        let capabilities = try view(capabilities)
        #expect(throws: reason) {
            try LegacyFront.serverRequests(input, version: version, capabilities: capabilities) { $0 }
        }
    }

    @Test func formsLoseTheirModeWhereThereAreNone() throws {
        let input = try InputRequired(
            try view(
                #"{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":{"mode":"form","message":"m"}}}}"#
            ))
        let requests = try LegacyFront.serverRequests(
            input, version: .june2025, capabilities: try view(#"{"elicitation":{}}"#)
        ) { $0 }
        #expect(text(requests[0].params) == #"{"message":"m"}"#)
    }

    @Test(arguments: [
        (
            "tools/call", ProtocolVersion.november2025,
            #"{"resultType":"complete","content":[{"type":"text","text":"t"}],"structuredContent":{"n":1.0},"x":1}"#,
            #"{"content":[{"type":"text","text":"t"}],"structuredContent":{"n":1.0},"x":1}"#
        ),
        (
            "tools/call", .november2025, #"{"content":[{"type":"text","text":"[1]"}],"structuredContent":[1.0]}"#,
            #"{"content":[{"type":"text","text":"[1]"}]}"#
        ),
        (
            "tools/call", .november2025, #"{"resultType":"complete","content":[],"structuredContent":[1.0]}"#,
            #"{"content":[{"type":"text","text":"[1.0]"}]}"#
        ),
        ("tools/call", .november2025, #"{"structuredContent":null}"#, #"{"content":[{"type":"text","text":"null"}]}"#),
        (
            "tools/list", .november2025,
            #"{"tools":[{"name":"a","outputSchema":{"type":"array"}},{"name":"b","outputSchema":{"type":"object"}}],"ttlMs":5}"#,
            #"{"tools":[{"name":"a"},{"name":"b","outputSchema":{"type":"object"}}],"ttlMs":5}"#
        ),
        (
            "tools/call", .march2025,
            #"{"content":[{"type":"resource_link","uri":"u","name":"n"},{"type":"audio","mimeType":"audio/wav"}]}"#,
            #"{"content":[{"type":"text","text":"n: u"},{"type":"audio","mimeType":"audio/wav"}]}"#
        ),
        (
            "tools/call", .november2024, #"{"content":[{"type":"audio","mimeType":"audio/wav","data":""}]}"#,
            #"{"content":[{"type":"text","text":"[audio (audio/wav): protocol version 2024-11-05 has no such content]"}]}"#
        ),
        (
            "prompts/get", .march2025, #"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"u"}}]}"#,
            #"{"messages":[{"role":"user","content":{"type":"text","text":"u"}}]}"#
        ),
        (
            "prompts/get", .june2025, #"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"u"}}]}"#,
            #"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"u"}}]}"#
        ),
    ])
    func aResultIsMadeFitForLegacyClients(method: String, version: ProtocolVersion, result: String, expected: String)
        throws
    {
        #expect(try edited(result) { LegacyFront.result($0, of: method, version: version, in: &$1) } == expected)
    }

    @Test(arguments: [
        ("resources/read", #"{"code":-32602,"message":"m","data":{"uri":"u"}}"#, -32_002),
        ("resources/read", #"{"code":-32602,"message":"m"}"#, -32_602),
        ("tools/call", #"{"code":-32602,"message":"m","data":{"uri":"u"}}"#, -32_602),
        ("tools/call", #"{"code":-32020,"message":"m"}"#, -31_003),
        ("tools/call", #"{"code":-32022,"message":"m"}"#, -31_003),
        ("tools/call", #"{"code":-32021,"message":"m","data":{"requiredCapabilities":{}}}"#, -31_006),
        ("tools/call", #"{"code":-32601,"message":"m"}"#, -32_601), ("tools/call", #"{"code":7,"message":"m"}"#, 7),
    ])
    func errorsKeepAllButTheCode(method: String, error: String, code: Int64) throws {
        let result = try edited(error) { ErrorTranslation.toLegacy($0, of: method, in: &$1) }
        #expect(try view(result)["code"]?.int == code)
        #expect(try view(result)["data"] == (try view(error)["data"]))
        #expect(try view(result)["message"]?.string == "m")
    }

    @Test(arguments: [
        ("ping", Disposition.answerEmpty), ("initialize", .introduce), ("logging/setLevel", .setLogLevel),
        ("resources/subscribe", .subscribe),
        ("resources/unsubscribe", .unsubscribe), ("notifications/cancelled", .cancel),
        ("notifications/initialized", .drop),
        ("notifications/roots/list_changed", .drop), ("tasks/list", .refuse(.taskList)), ("tasks/get", .task),
        ("tasks/result", .task),
        ("server/discover", .unknownMethod), ("tools/call", .forward), ("vendor/own", .forward),
        ("completion/complete", .forward),
    ])
    func everyMessageHasItsWay(method: String, way: Disposition) throws {
        let prefix = method.hasPrefix("notifications/") ? "" : #""id":1,"#
        #expect(Disposition.fromLegacyClient(try message(#"{"jsonrpc":"2.0",\#(prefix)"method":"\#(method)"}"#)) == way)
    }

    /// Every method that a legacy client may send and a modern server does not know is dealt with here.
    @Test func nothingUnknownIsForwarded() throws {
        for rule in MethodTable.rules where rule.sender == .client {
            let prefix = rule.shape == .notification ? "" : #""id":1,"#
            let message = try message(#"{"jsonrpc":"2.0",\#(prefix)"method":"\#(rule.name)"}"#)
            let toModern = MethodTable.legality(of: rule.name, rule.shape, from: .client, in: .july2026)
            let toLegacy = MethodTable.legality(of: rule.name, rule.shape, from: .client, in: .november2025)
            if Disposition.fromLegacyClient(message) == .forward { #expect(toModern == .legal, "\(rule.name)") }
            if Disposition.fromModernClient(message) == .forward { #expect(toLegacy == .legal, "\(rule.name)") }
        }
        for rule in MethodTable.rules where rule.sender == .server && rule.shape != .inputRequest {
            let prefix = rule.shape == .notification ? "" : #""id":1,"#
            let message = try message(#"{"jsonrpc":"2.0",\#(prefix)"method":"\#(rule.name)"}"#)
            if rule.versions.contains(.november2025),
                Disposition.toModernClient(message, during: "tools/call") == .forward
            {
                #expect(
                    MethodTable.legality(of: rule.name, rule.shape, from: .server, in: .july2026) == .legal,
                    "\(rule.name)")
            }
            if rule.versions.contains(.july2026), Disposition.toLegacyClient(message) == .forward {
                #expect(
                    MethodTable.legality(of: rule.name, rule.shape, from: .server, in: .november2025) == .legal,
                    "\(rule.name)")
            }
        }
    }
}
