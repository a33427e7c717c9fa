import JSON
import MCP
import Testing

@Suite struct InputTests {
    @Test(
        arguments: [
            ("elicitation/create", "{}", InputKind.form), ("elicitation/create", #"{"mode":"form"}"#, .form),
            ("elicitation/create", #"{"mode":"url"}"#, .url), ("sampling/createMessage", "{}", .sampling),
            ("sampling/createMessage", #"{"tools":[]}"#, .samplingWithTools),
            ("sampling/createMessage", #"{"toolChoice":{}}"#, .samplingWithTools), ("roots/list", "{}", .roots),
            ("tools/call", "{}", nil), ("ping", "{}", nil),
        ] as [(String, String, InputKind?)])
    func knowsWhatMayBeAsked(method: String, params: String, kind: InputKind?) throws {
        #expect(InputKind(method: method, params: try view(params)) == kind)
    }

    @Test(arguments: [
        ("{}", []), (#"{"elicitation":{}}"#, [InputKind.form]), (#"{"elicitation":{"form":{}}}"#, [.form]),
        (#"{"elicitation":{"url":{}}}"#, [.url]), (#"{"elicitation":{"form":{},"url":{}}}"#, [.form, .url]),
        (#"{"sampling":{}}"#, [.sampling]), (#"{"sampling":{"tools":{}}}"#, [.sampling, .samplingWithTools]),
        (#"{"roots":{"listChanged":true}}"#, [.roots]), (#"{"roots":true,"sampling":null,"elicitation":[]}"#, []),
    ])
    func aClientDeclaresWhatItCan(capabilities: String, kinds: [InputKind]) throws {
        let capabilities = try view(capabilities)
        #expect(InputKind.allCases.filter { $0.isDeclared(in: capabilities) } == kinds)
        // What a kind requires is what declares it.
        for kind in InputKind.allCases { #expect(kind.isDeclared(in: try view(kind.capability.text))) }
    }

    @Test func readsWhatAServerWants() throws {
        let result = try view(
            #"{"resultType":"input_required","requestState":"s","inputRequests":{"a":{"method":"elicitation/create","#
                + #""params":{"message":"m"}},"b":{"method":"roots/list"}}}"#)
        let input = try InputRequired(result)
        #expect(input.requests.map(\.key) == ["a", "b"])
        #expect(input.requests.map(\.kind) == [.form, .roots])
        #expect(input.requests[1].params == nil)
        #expect(input.requestState == "s")
        #expect(input.undeclared(in: try view(#"{"roots":{}}"#)) == [.form])
        #expect(try InputRequired(try view(#"{"resultType":"input_required","requestState":"s"}"#)).requests.isEmpty)
    }

    @Test(arguments: [
        (#"{"inputRequests":{}}"#, InputFault.wrongResultType), (#"{"resultType":"input_required"}"#, .nothing),
        (#"{"resultType":"input_required","inputRequests":[]}"#, .badRequests),
        (#"{"resultType":"input_required","inputRequests":{"a":{}}}"#, .badRequests),
        (#"{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list","params":[]}}}"#, .badRequests),
        (#"{"resultType":"input_required","inputRequests":{"a":{"method":"tools/call"}}}"#, .badMethod),
        (#"{"resultType":"input_required","inputRequests":{"a":{"method":"ping"}}}"#, .badMethod),
        (#"{"resultType":"input_required","requestState":{}}"#, .badState),
        (
            #"{"resultType":"input_required","inputRequests":{"\#(String(repeating: "k", count: 300))":{"method":"roots/list"}}}"#,
            .tooMany
        ),
        (
            #"{"resultType":"input_required","inputRequests":{"#
                + (0...64).map { #""\#($0)":{"method":"roots/list"}"# }.joined(separator: ",") + "}}", .tooMany
        ),
    ])
    func refusesWhatIsNoInputRequest(result: String, fault: InputFault) throws {
        let result = try view(result)
        #expect(throws: fault) { try InputRequired(result) }
    }

    @Test func whatWeWriteWeRead() throws {
        let bytes = InputRequired.result(
            [
                (key: "k\"", method: "elicitation/create", params: Array(#"{"mode":"url"}"#.utf8)),
                (key: "r", method: "roots/list", params: nil),
            ],
            requestState: "sealed", serverInfo: ["name": "s"])
        let input = try InputRequired(try JSONDocument.parse(bytes).root)
        #expect(input.requests.map(\.key) == ["k\"", "r"])
        #expect(input.requests.map(\.kind) == [.url, .roots])
        #expect(input.requestState == "sealed")
    }

    @Test func readsWhatAClientAnswers() throws {
        let responses = try InputResponses(
            try view(#"{"inputResponses":{"a":{"action":"accept"},"z":{}},"requestState":"s"}"#))
        #expect(responses["a"]?["action"]?.string == "accept")
        #expect(responses.missing(of: ["a", "b"]) == ["b"])
        #expect(responses.requestState == "s")
        #expect(!responses.isEmpty)
        #expect(try InputResponses(nil).isEmpty)
        #expect(try InputResponses(try view("{}")).missing(of: ["a"]) == ["a"])
    }

    @Test(arguments: [
        #"{"inputResponses":[]}"#, #"{"inputResponses":{"a":1}}"#, #"{"inputResponses":{"a":null}}"#,
        #"{"requestState":1}"#,
        #"{"inputResponses":null}"#,
    ])
    func malformedAnswersAreRefused(params: String) throws {
        let params = try view(params)
        let fault = #expect(throws: ProtocolFault.self) { try InputResponses(params) }
        #expect(fault?.code.number == -32_602)
    }
}

@Suite struct ListenTests {
    @Test func readsAFilter() throws {
        let filter = try ListenFilter(
            try view(
                #"{"notifications":{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["a","b","a"],"taskIds":["t"],"x":1}}"#
            ))
        #expect(filter.toolsListChanged && !filter.promptsListChanged && !filter.resourcesListChanged)
        #expect(filter.resourceSubscriptions == ["a", "b"])
        #expect(filter.value.text == #"{"toolsListChanged":true,"resourceSubscriptions":["a","b"],"taskIds":["t"]}"#)
        #expect(try ListenFilter(try view(#"{"notifications":{}}"#)).isEmpty)
    }

    @Test(arguments: [
        "{}", #"{"notifications":[]}"#, #"{"notifications":{"toolsListChanged":1}}"#,
        #"{"notifications":{"resourceSubscriptions":"a"}}"#, #"{"notifications":{"resourceSubscriptions":[1]}}"#,
        #"{"notifications":{"resourceSubscriptions":["\#(String(repeating: "u", count: 5_000))"]}}"#,
        #"{"notifications":{"taskIds":[\#((0...1_000).map { "\"\($0)\"" }.joined(separator: ","))]}}"#,
    ])
    func refusesABadFilter(params: String) throws {
        let params = try view(params)
        let fault = #expect(throws: ProtocolFault.self) { try ListenFilter(params) }
        #expect(fault?.code.number == -32_602)
    }

    private let all = try? ListenFilter(
        try view(
            #"{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["u"],"taskIds":["t"]}}"#
        ))

    @Test(arguments: [
        ("{}", false, "{}"), (#"{"tools":{},"resources":{}}"#, false, "{}"),
        (#"{"tools":{"listChanged":true}}"#, false, #"{"toolsListChanged":true}"#),
        (#"{"prompts":{"listChanged":true}}"#, false, #"{"promptsListChanged":true}"#),
        (#"{"resources":{"listChanged":true}}"#, false, #"{"resourcesListChanged":true}"#),
        (#"{"resources":{"subscribe":true}}"#, false, #"{"resourceSubscriptions":["u"]}"#),
        ("{}", true, #"{"taskIds":["t"]}"#),
    ])
    func onlyWhatTheServerHasIsGranted(capabilities: String, hasTasks: Bool, granted: String) throws {
        let filter = try #require(all)
        #expect(filter.granted(by: try view(capabilities), hasTasks: hasTasks).value.text == granted)
    }

    @Test(arguments: [
        ("notifications/tools/list_changed", "{}", true), ("notifications/prompts/list_changed", "{}", true),
        ("notifications/resources/list_changed", "{}", true),
        ("notifications/resources/updated", #"{"uri":"u"}"#, true),
        ("notifications/resources/updated", #"{"uri":"u/part"}"#, true),
        ("notifications/resources/updated", #"{"uri":"ux"}"#, false),
        ("notifications/resources/updated", #"{"uri":"v"}"#, false), ("notifications/resources/updated", "{}", false),
        ("notifications/tasks", #"{"taskId":"t"}"#, true), ("notifications/tasks", #"{"taskId":"x"}"#, false),
        ("notifications/progress", "{}", false), ("notifications/message", "{}", false),
        ("notifications/other", "{}", false),
    ])
    func onlyWhatWasAskedForPasses(method: String, params: String, passes: Bool) throws {
        let filter = try #require(all)
        let notification = try message(#"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params)}"#)
        #expect(filter.passes(notification) == passes)
        #expect(!ListenFilter().passes(notification))
    }

    @Test func severalClientsNeedBoth() throws {
        let a = try ListenFilter(
            try view(#"{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a","b"]}}"#))
        let b = try ListenFilter(
            try view(#"{"notifications":{"promptsListChanged":true,"resourceSubscriptions":["b","c"]}}"#))
        #expect(
            a.joined(with: b).value.text
                == #"{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["a","b","c"]}"#)
        var legacy = ListenFilter()
        let isTaken = ["a", "a", "b"].map { legacy.subscribe(to: $0) }
        #expect(isTaken == [true, true, true])
        legacy.unsubscribe(from: "a")
        legacy.unsubscribe(from: "never")
        #expect(legacy.resourceSubscriptions == ["b"])
        let isFull = (0..<1_000).map { legacy.subscribe(to: "n\($0)") }
        #expect(isFull.firstIndex(of: false) == 999)
        #expect(!ListenFilter().joined(with: legacy).resourceSubscriptions.isEmpty)
    }

    @Test(arguments: ["7", #""7""#])
    func everyMessageNamesItsListen(id: String) throws {
        guard case .request(let id) = try message(#"{"jsonrpc":"2.0","id":\#(id),"method":"x"}"#).kind else {
            throw Failure("id")
        }
        let acknowledgement = try message(text(Subscription.acknowledgement(of: id, granted: ListenFilter())) ?? "")
        #expect(Subscription.id(of: acknowledgement) == id)
        #expect(acknowledgement.params?["notifications"]?.kind == .object)
        let end = try message(text(Subscription.end(of: id)) ?? "")
        #expect(Subscription.id(of: end) == id)
        #expect(end.outcome?["resultType"]?.string == "complete")
    }

    private static let stamped = #""_meta":{"io.modelcontextprotocol/subscriptionId":"a"}"#

    @Test(arguments: [
        (#"{"jsonrpc":"2.0","method":"n"}"#, #"{"jsonrpc":"2.0","method":"n","params":{\#(stamped)}}"#),
        (#"{"jsonrpc":"2.0","method":"n","params":{}}"#, #"{"jsonrpc":"2.0","method":"n","params":{\#(stamped)}}"#),
        (
            #"{"jsonrpc":"2.0","method":"n","params":{"uri":"u"}}"#,
            #"{"jsonrpc":"2.0","method":"n","params":{"uri":"u",\#(stamped)}}"#
        ),
        (
            #"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":5,"k":1.0}}}"#,
            #"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"a","k":1.0}}}"#
        ),
    ])
    func aNotificationIsStamped(original: String, expected: String) throws {
        let notification = try message(original)
        guard case .request(let id) = try message(#"{"jsonrpc":"2.0","id":"a","method":"x"}"#).kind else {
            throw Failure("id")
        }
        var splice = JSONSplice(notification.document)
        Subscription.stamp(notification, id, in: &splice)
        #expect(text(splice.applied()) == expected)
    }

    @Test(arguments: [
        (#"{"jsonrpc":"2.0","method":"n","params":{\#(stamped)}}"#, #"{"jsonrpc":"2.0","method":"n"}"#),
        (
            #"{"jsonrpc":"2.0","method":"n","params":{"uri":"u",\#(stamped)}}"#,
            #"{"jsonrpc":"2.0","method":"n","params":{"uri":"u"}}"#
        ),
        (
            #"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":5,"k":1.0}}}"#,
            #"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"k":1.0}}}"#
        ),
        (
            #"{"jsonrpc":"2.0","method":"n","params":{"_meta":{}}}"#,
            #"{"jsonrpc":"2.0","method":"n","params":{"_meta":{}}}"#
        ),
    ])
    func legacyClientsGetNoStamp(original: String, expected: String) throws {
        let notification = try message(original)
        var splice = JSONSplice(notification.document)
        Subscription.unstamp(notification, in: &splice)
        #expect(text(splice.applied()) == expected)
    }
}
