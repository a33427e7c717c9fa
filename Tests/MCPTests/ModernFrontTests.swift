import JSON
import MCP
import Testing

/// A modern client in front of a legacy server.
@Suite struct ModernFrontTests {
    @Test func initializeBecomesDiscover() throws {
        let initialized = try view(
            #"{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"requests":{"tools":{"call":{}}}},"vendor":{"n":1.0}},"#
                + #""serverInfo":{"name":"s","version":"2"},"instructions":"Do."}"#)
        let result = ModernFront.discoverResult(initialized, serverVersion: .november2025, relays: .all)
        #expect(
            result.text
                == #"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"vendor":{"n":1.0},"#
                + #""extensions":{"io.modelcontextprotocol/tasks":{}}},"instructions":"Do.","ttlMs":0,"cacheScope":"private","#
                + #""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}}"#)
        let without = ModernFront.discoverResult(initialized, serverVersion: .november2025, relays: Relays())
        #expect(without["capabilities"]?["extensions"] == nil)
    }

    private static let envelope =
        #""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"debug""#

    @Test(arguments: [
        (
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{\#(envelope)}}}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{}}"#
        ),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1.0,"_meta":{\#(envelope),"progressToken":3,"traceparent":"t"},"inputResponses":{},"task":{},"requestState":"s"}}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1.0,"_meta":{"progressToken":3,"traceparent":"t"}}}"#
        ),
        (#"{"jsonrpc":"2.0","id":1,"method":"m"}"#, #"{"jsonrpc":"2.0","id":1,"method":"m"}"#),
    ])
    func aRequestLosesItsEnvelope(original: String, expected: String) throws {
        let request = try message(original)
        var splice = JSONSplice(request.document)
        ModernFront.request(request, in: &splice)
        #expect(text(splice.applied()) == expected)
    }

    @Test func aTaskIsMadeOnlyWhereItMustBe() throws {
        let call = try message(
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{"ttl":9}}}"#)
        var splice = JSONSplice(call.document)
        ModernFront.request(call, in: &splice)
        #expect(text(splice.applied()) == #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#)
        try TaskShape.require(call, extensions: [ExtensionID.tasks], in: &splice)
        #expect(
            text(splice.applied()) == #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{}}}"#
        )
    }

    @Test func aServersRequestBecomesInput() throws {
        let request = try message(
            #"{"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{"mode":"url","url":"https://x","elicitationId":"e","_meta":{"progressToken":1,"io.modelcontextprotocol/related-task":{"taskId":"t"}}}}"#
        )
        let input = try ModernFront.inputRequest(request, capabilities: try view(#"{"elicitation":{"url":{}}}"#))
        #expect(input.method == "elicitation/create")
        #expect(text(input.params) == #"{"mode":"url","url":"https://x"}"#)
        let form = try view(#"{"elicitation":{}}"#)
        #expect(throws: Untranslatable.inputUndeclared(.url)) {
            try ModernFront.inputRequest(request, capabilities: form)
        }
        let other = try message(#"{"jsonrpc":"2.0","id":5,"method":"tasks/get"}"#)
        #expect(throws: Untranslatable.inputOutsideCall("tasks/get")) {
            try ModernFront.inputRequest(other, capabilities: form)
        }
        guard case .request(let id) = request.kind else { throw Failure("id") }
        #expect(
            text(ModernFront.answer(to: id, try view(#"{ "action":"accept","content":{"n":1.00} }"#)))
                == #"{"jsonrpc":"2.0","id":5,"result":{ "action":"accept","content":{"n":1.00} }}"#)
        let refusal = try message(text(ModernFront.refusal(of: id, .inputUndeclared(.url))) ?? "")
        #expect(refusal.outcome?["code"]?.int == -32_602)
        #expect(
            try message(text(ModernFront.refusal(of: id, .inputDuring("tools/list"))) ?? "").outcome?["code"]?.int
                == -32_601)
    }

    @Test func urlElicitationErrorsBecomeInput() throws {
        let error = try view(
            #"{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://x","elicitationId":"e","message":"m"}]}}"#
        )
        let capabilities = try view(#"{"elicitation":{"url":{}}}"#)
        let requests = try #require(try ModernFront.inputRequests(ofError: error, capabilities: capabilities))
        #expect(requests.map(\.key) == ["url-1"])
        #expect(text(requests[0].params) == #"{"mode":"url","url":"https://x","message":"m"}"#)
        let none = try view("{}")
        #expect(throws: Untranslatable.inputUndeclared(.url)) {
            try ModernFront.inputRequests(ofError: error, capabilities: none)
        }
        #expect(
            try ModernFront.inputRequests(ofError: try view(#"{"code":-32602,"message":""}"#), capabilities: none)
                == nil)
        #expect(
            try ModernFront.inputRequests(ofError: try view(#"{"code":-32042,"message":""}"#), capabilities: none)
                == nil)
    }

    @Test(arguments: [
        (
            #"{"code":-32002,"message":"m"}"#, "resources/read",
            #"{"code":-32602,"message":"m","data":{"uri":"file:\/\/a"}}"#
        ),
        (
            #"{"code":-32002,"message":"m","data":{"x":1.0}}"#, "resources/read",
            #"{"code":-32602,"message":"m","data":{"x":1.0,"uri":"file:\/\/a"}}"#
        ),
        (
            #"{"code":-32002,"message":"m","data":{"uri":"o"}}"#, "resources/read",
            #"{"code":-32602,"message":"m","data":{"uri":"o"}}"#
        ),
        (#"{"code":-32002,"message":"m","data":7}"#, "resources/read", #"{"code":-32602,"message":"m","data":7}"#),
        (#"{"code":-32002,"message":"m"}"#, "tools/call", #"{"code":-32602,"message":"m"}"#),
        (#"{"code":-32001,"message":"m"}"#, "resources/read", #"{"code":-32001,"message":"m"}"#),
    ])
    func notFoundHasANewCode(error: String, method: String, expected: String) throws {
        let params = try view(#"{"uri":"file:\/\/a"}"#)
        #expect(try edited(error) { ErrorTranslation.toModern($0, of: method, params: params, in: &$1) } == expected)
    }

    @Test(arguments: [
        (-32_700, 400), (-32_600, 400), (-32_601, 404), (-32_602, 400), (-32_603, 200), (-32_020, 400), (-32_021, 400),
        (-32_022, 400),
        (-31_001, 502), (-31_002, 504), (-31_003, 502), (-31_004, 503), (-31_005, 503), (-31_006, 200), (7, 200),
    ])
    func errorsHaveAStatus(code: Int, status: UInt16) {
        #expect(ErrorTranslation.modernStatus(of: code) == status)
    }

    @Test(
        arguments: [
            ("ping", nil, Disposition.answerEmpty), ("elicitation/create", "tools/call", .askForInput),
            ("roots/list", "prompts/get", .askForInput),
            ("sampling/createMessage", "tools/list", .refuse(.inputDuring("tools/list"))),
            ("roots/list", nil, .refuse(.inputOutsideCall("roots/list"))),
            ("tasks/get", nil, .refuse(.clientTasks)), ("vendor/ask", "tools/call", .unknownMethod),
            ("notifications/progress", "tools/call", .forward),
            ("notifications/message", "tools/call", .forward), ("notifications/tools/list_changed", nil, .publish),
            ("notifications/resources/updated", nil, .publish), ("notifications/elicitation/complete", nil, .drop),
            ("notifications/tasks/status", nil, .task),
            ("notifications/vendor", "tools/call", .forward),
        ] as [(String, String?, Disposition)])
    func everyMessageHasItsWay(method: String, open: String?, way: Disposition) throws {
        let prefix = method.hasPrefix("notifications/") ? "" : #""id":1,"#
        #expect(
            Disposition.toModernClient(try message(#"{"jsonrpc":"2.0",\#(prefix)"method":"\#(method)"}"#), during: open)
                == way)
    }

    @Test func reasonsAreForBothSides() throws {
        let all: [Untranslatable] = [
            .inputUnknown(.url, .june2025), .inputUndeclared(.roots), .inputOutsideCall("x"), .inputDuring("x"),
            .taskList, .taskRequired, .taskCancel, .taskCancelled,
            .clientTasks, .inputError(.sampling), .nothingToListenTo,
        ]
        #expect(Set(all.map(\.reason)).count == all.count)
        for reason in all {
            for era in Era.allCases {
                let error = try #require(
                    try message(text(reason.answer(to: RequestID(1), receiver: era)) ?? "").outcome)
                let code = try #require(error["code"]?.int)
                #expect(error["data"]?["reason"]?.string == reason.reason)
                #expect(error["message"]?.string == reason.text)
                // SPEC: -320xx is the protocol's own; legacy clients don't know it.
                if era == .legacy { #expect(!(-32_099 ... -32_000).contains(code)) }
                if code == -32_021 { #expect(error["data"]?["requiredCapabilities"]?.kind == .object) }
            }
        }
        #expect(Untranslatable.taskRequired.code(for: .modern) == -32_021)
        #expect(Untranslatable.taskRequired.code(for: .legacy) == -32_601)
        #expect(Untranslatable.inputUndeclared(.form).code(for: .modern) == -32_021)
        #expect(Untranslatable.inputUndeclared(.form).code(for: .legacy) == -31_006)
    }
}

@Suite struct CapabilityTests {
    @Test(arguments: [
        (
            ProtocolVersion.july2026, Relays.all,
            #"{"roots":{},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"experimental":{"x":1.0},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}"#
        ),
        (
            .november2025, .all,
            #"{"roots":{"listChanged":true},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"experimental":{"x":1.0},"extensions":{"a/b":{}}}"#
        ),
        (
            .june2025, .all,
            #"{"roots":{"listChanged":true},"sampling":{},"elicitation":{},"experimental":{"x":1.0},"extensions":{"a/b":{}}}"#
        ),
        (
            .march2025, .all,
            #"{"roots":{"listChanged":true},"sampling":{},"experimental":{"x":1.0},"extensions":{"a/b":{}}}"#
        ),
        (.july2026, Relays(), #"{"experimental":{"x":1.0},"extensions":{"a/b":{}}}"#),
        (
            .november2025, Relays(elicitation: true),
            #"{"elicitation":{"form":{},"url":{}},"experimental":{"x":1.0},"extensions":{"a/b":{}}}"#
        ),
    ])
    func aServerIsToldWhatCanBeCarried(version: ProtocolVersion, relays: Relays, expected: String) throws {
        let declared = try view(
            #"{"roots":{"listChanged":true},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"tasks":{},"experimental":{"x":1.0},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}"#
        )
        #expect(Capabilities.client(declared, from: .modern, to: version, relays: relays).text == expected)
    }

    @Test func anURLOnlyClientHasNoFormsForOldServers() throws {
        let declared = try view(#"{"elicitation":{"url":{}}}"#)
        #expect(Capabilities.client(declared, from: .modern, to: .june2025, relays: .all) == [:])
    }

    @Test(arguments: [
        (
            ProtocolVersion.november2025, ProtocolVersion.november2025,
            #"{"tools":{},"tasks":{"list":{},"requests":{"tools":{"call":{}}}},"extensions":{"a/b":{}}}"#
        ),
        (.november2025, .june2025, #"{"tools":{},"extensions":{"a/b":{}}}"#),
        (.november2025, .july2026, #"{"tools":{},"extensions":{"a/b":{},"io.modelcontextprotocol/tasks":{}}}"#),
    ])
    func aClientIsToldWhatCanBeCarried(server: ProtocolVersion, client: ProtocolVersion, expected: String) throws {
        let declared = try view(
            #"{"tools":{},"tasks":{"list":{},"requests":{"tools":{"call":{}}}},"extensions":{"a/b":{}}}"#)
        #expect(Capabilities.server(declared, from: server, to: client, relays: .all).text == expected)
    }

    @Test func severalServersAreOne() {
        let union = Capabilities.union([
            ["tools": [:]], ["tools": ["listChanged": true], "prompts": ["listChanged": false]],
            ["prompts": ["listChanged": true]],
        ])
        #expect(union == ["tools": ["listChanged": true], "prompts": ["listChanged": true]])
    }
}

@Suite struct TaskShapeTests {
    private let modern =
        #"{"resultType":"task","taskId":"t","status":"working","createdAt":"c","lastUpdatedAt":"l","ttlMs":60000,"pollIntervalMs":5e2,"statusMessage":"s","x":1.0}"#
    private let legacy =
        #"{"taskId":"t","status":"working","createdAt":"c","lastUpdatedAt":"l","ttl":60000,"pollInterval":5e2,"statusMessage":"s","x":1.0}"#

    @Test func theSameTaskInOtherWords() throws {
        #expect(text(TaskShape.legacyTask(try view(modern))) == legacy)
        #expect(text(TaskShape.createTaskResult(try view(modern))) == #"{"task":\#(legacy)}"#)
        #expect(text(TaskShape.modernTask(try view(legacy), resultType: "task")) == modern)
        #expect(text(TaskShape.taskResult(try view(#"{"task":\#(legacy)}"#))) == modern)
        #expect(TaskShape.taskResult(try view(#"{"content":[]}"#)) == nil)
        #expect(TaskShape.createTaskResult(try view(#"{"resultType":"task"}"#)) == nil)
        #expect(
            text(TaskShape.legacyTask(try view(#"{"taskId":"t","status":"working"}"#)))
                == #"{"ttl":null,"taskId":"t","status":"working"}"#)
        #expect(
            text(
                TaskShape.modernTask(
                    try view(#"{"taskId":"t","status":"completed","ttl":null}"#), resultType: "complete",
                    result: Array(#"{"content":[]}"#.utf8)))
                == #"{"resultType":"complete","taskId":"t","status":"completed","ttlMs":null,"result":{"content":[]}}"#)
    }

    @Test func aToolThatRanAndFailedHasFailedInTheCore() throws {
        let done = try view(
            #"{"resultType":"complete","taskId":"t","status":"completed","ttlMs":1,"result":{"isError":true},"_meta":{"x":1}}"#
        )
        #expect(text(TaskShape.legacyTask(done)) == #"{"taskId":"t","status":"failed","ttl":1}"#)
        #expect(
            text(TaskShape.legacyTask(done, keepsMeta: true))
                == #"{"taskId":"t","status":"failed","ttl":1,"_meta":{"x":1}}"#)
        let result = try view(#"{"resultType":"complete","content":[],"structuredContent":1}"#)
        #expect(
            text(TaskShape.legacyResult(result, of: "t", version: .november2025))
                == #"{"content":[{"type":"text","text":"1"}],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#
        )
    }

    @Test func aTaskIsPutIntoTheExtensionsWords() throws {
        let created = try view(
            #"{"task":{"taskId":"t","status":"working","ttl":null},"_meta":{"io.modelcontextprotocol/related-task":{},"a":1}}"#
        )
        #expect(
            text(TaskShape.taskResult(created, serverInfo: ["name": "s"]))
                == #"{"resultType":"task","taskId":"t","status":"working","ttlMs":null,"#
                + #""_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{"name":"s"}}}"#)
        let failed = try view(#"{"taskId":"t","status":"failed","ttl":1}"#)
        #expect(
            text(TaskShape.modernTask(failed, resultType: "complete", status: "completed", result: Array("{}".utf8)))
                == #"{"resultType":"complete","taskId":"t","status":"completed","ttlMs":1,"result":{}}"#)
    }

    @Test func theExtensionIsDeclaredOnce() {
        #expect(TaskShape.declared(in: [:]) == ["extensions": ["io.modelcontextprotocol/tasks": [:]]])
        #expect(
            TaskShape.declared(in: [
                "roots": [:], "extensions": ["io.modelcontextprotocol/tasks": ["x": 1], "a/b": [:]],
            ])
                == ["roots": [:], "extensions": ["a/b": [:], "io.modelcontextprotocol/tasks": [:]]])
    }

    @Test func aModernServersToolsMayAllBecomeTasks() throws {
        let result = try view(
            #"{"resultType":"complete","tools":[{"name":"a"},{"name":"b","execution":{"taskSupport":"forbidden"}}]}"#)
        for (offers, expected) in [
            (false, #"{"tools":[{"name":"a"},{"name":"b","execution":{"taskSupport":"forbidden"}}]}"#),
            (
                true,
                #"{"tools":[{"name":"a","execution":{"taskSupport":"optional"}},{"name":"b","execution":{"taskSupport":"forbidden"}}]}"#
            ),
        ] {
            var splice = JSONSplice(result.document)
            LegacyFront.result(result, of: "tools/list", version: .november2025, offersTasks: offers, in: &splice)
            #expect(text(splice.applied()) == expected)
        }
    }

    @Test func whatNamesTasksIsToldInLegacyWords() throws {
        let error = try view(
            #"{"code":-32021,"message":"m","data":{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}}"#
        )
        var splice = JSONSplice(error.document)
        ErrorTranslation.toLegacy(error, of: "tools/call", in: &splice)
        let told = try JSONDocument.parse(splice.applied()).root
        #expect(told["code"]?.int == -32_601)
        #expect(told["data"]?["reason"]?.string == "task_required")
    }

    @Test(arguments: [
        (#"{"status":"working"}"#, "pending"), (#"{"status":"completed","result":{}}"#, "result"),
        (#"{"status":"completed"}"#, "nothing"),
        (#"{"status":"failed","error":{}}"#, "error"), (#"{"status":"cancelled"}"#, "nothing"),
        (#"{"status":"input_required","inputRequests":{}}"#, "input"), (#"{"status":"input_required"}"#, "pending"),
        ("{}", "pending"),
    ])
    func aTaskAnswersWhenItIsDone(task: String, expected: String) throws {
        let name =
            switch TaskShape.payload(of: try view(task)) {
            case .pending: "pending"
            case .input: "input"
            case .result: "result"
            case .error: "error"
            case .nothing: "nothing"
            }
        #expect(name == expected)
    }

    @Test func someToolsRunAsTasksOnly() throws {
        #expect(TaskShape.support(try view(#"{"execution":{"taskSupport":"required"}}"#)) == .required)
        #expect(TaskShape.support(try view("{}")) == .forbidden)
        #expect(TaskShape.support(try view(#"{"execution":{"taskSupport":"maybe"}}"#)) == .forbidden)
        let call = try message(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#)
        var splice = JSONSplice(call.document)
        try TaskShape.require(call, extensions: [ExtensionID.tasks], in: &splice)
        #expect(
            text(splice.applied()) == #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{}}}"#
        )
        #expect(throws: Untranslatable.taskRequired) { try TaskShape.require(call, extensions: [], in: &splice) }
        #expect(
            ["working", "input_required", "completed", "failed", "cancelled"].filter(TaskShape.isTerminal) == [
                "completed", "failed", "cancelled",
            ])
    }
}
