import JSON
import MCP
import Testing

@Suite struct ResultTests {
    @Test(arguments: [
        (#"{}"#, ResultType.complete), (#"{"resultType":"complete"}"#, .complete),
        (#"{"resultType":"input_required"}"#, .inputRequired), (#"{"resultType":"task"}"#, .task),
        (#"{"resultType":"Complete"}"#, .unknown("Complete")), (#"{"resultType":7}"#, .unknown("")),
        (#"{"resultType":null}"#, .unknown("")),
    ])
    func aResultShowsItsType(result: String, type: ResultType) throws {
        #expect(ResultType(try view(result)) == type)
    }

    @Test func typesAnswerOnlySomeMethods() {
        #expect(ResultType.inputRequired.mayAnswer("tools/call", hasTasks: false))
        #expect(ResultType.inputRequired.mayAnswer("prompts/get", hasTasks: false))
        #expect(ResultType.inputRequired.mayAnswer("resources/read", hasTasks: false))
        #expect(!ResultType.inputRequired.mayAnswer("tools/list", hasTasks: false))
        #expect(!ResultType.inputRequired.mayAnswer("completion/complete", hasTasks: false))
        #expect(ResultType.task.mayAnswer("tools/call", hasTasks: true))
        #expect(!ResultType.task.mayAnswer("tools/call", hasTasks: false))
        #expect(!ResultType.task.mayAnswer("prompts/get", hasTasks: true))
        #expect(!ResultType.unknown("x").mayAnswer("tools/call", hasTasks: true))
    }

    @Test(
        arguments: [
            (#"{"ttlMs":5,"cacheScope":"public"}"#, CacheHints(ttlMs: 5, scope: .public)),
            (#"{"ttlMs":0,"cacheScope":"private"}"#, .stale), (#"{"ttlMs":-1,"cacheScope":"public"}"#, nil),
            (#"{"ttlMs":1.5,"cacheScope":"public"}"#, nil), (#"{"ttlMs":5}"#, nil), (#"{"cacheScope":"public"}"#, nil),
            (#"{"ttlMs":5,"cacheScope":"shared"}"#, nil), (#"{"ttlMs":"5","cacheScope":"public"}"#, nil),
        ] as [(String, CacheHints?)])
    func readsCacheHints(result: String, hints: CacheHints?) throws {
        #expect(CacheHints(try view(result)) == hints)
    }

    @Test func joinedHintsAreTheStricter() {
        let (a, b) = (CacheHints(ttlMs: 9, scope: .public), CacheHints(ttlMs: 5, scope: .private))
        #expect(a.joined(with: b) == CacheHints(ttlMs: 5, scope: .private))
        #expect(a.joined(with: a) == a)
    }

    // A result that is right keeps every byte.
    @Test(
        arguments: [
            (#"{ "resultType":"complete","tools":[],"ttlMs":10,"cacheScope":"private" }"#, "tools/list", true, nil),
            (#"{"resultType":"complete","tools":[],"ttlMs":10,"cacheScope":"public"}"#, "tools/list", false, nil),
            (
                #"{"resultType":"complete","tools":[],"ttlMs":1e1,"cacheScope":"public"}"#, "tools/list", true,
                #"{"resultType":"complete","tools":[],"ttlMs":1e1,"cacheScope":"private"}"#
            ),
            (
                #"{"tools":[]}"#, "tools/list", true,
                #"{"tools":[],"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
            ),
            (
                #"{"tools":[],"ttlMs":10}"#, "tools/list", false,
                #"{"tools":[],"ttlMs":0,"resultType":"complete","cacheScope":"private"}"#
            ),
            (
                #"{"tools":[],"ttlMs":99999999,"cacheScope":"public","resultType":"complete"}"#, "tools/list", false,
                #"{"tools":[],"ttlMs":60000,"cacheScope":"public","resultType":"complete"}"#
            ),
            (#"{"content":[]}"#, "tools/call", true, #"{"content":[],"resultType":"complete"}"#),
            (#"[1]"#, "tools/call", true, nil),
        ] as [(String, String, Bool, String?)])
    func aResultIsMadeFitForModernClients(result: String, method: String, isPerCaller: Bool, expected: String?) throws {
        let actual = try edited(result) {
            ModernResult.settle($0, of: method, in: &$1, isPerCaller: isPerCaller, maxTTL: 60_000)
        }
        #expect(actual == expected ?? result)
    }

    @Test(arguments: [
        (
            #"{"resultType":"complete"}"#,
            #"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}}"#
        ),
        (
            #"{"resultType":"complete","_meta":{"a":1.0}}"#,
            #"{"resultType":"complete","_meta":{"a":1.0,"io.modelcontextprotocol/serverInfo":{"name":"s"}}}"#
        ),
        (
            #"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"own"}}}"#,
            #"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"own"}}}"#
        ),
        (#"{"resultType":"complete","_meta":7}"#, #"{"resultType":"complete","_meta":7}"#),
    ])
    func aServerIsIntroducedOnce(result: String, expected: String) throws {
        let actual = try edited(result) {
            ModernResult.settle(
                $0, of: "tools/call", in: &$1, serverInfo: Array(#"{"name":"s"}"#.utf8), isPerCaller: false)
        }
        #expect(actual == expected)
    }
}

@Suite struct ForgedTypeTests {
    /// A legacy server can't have a client ask its person: there are no result types in its era.
    @Test(
        arguments: [
            ("input_required", Era.legacy, "complete"), ("input_required", nil, "complete"),
            ("input_required", .modern, "complete"),
            ("task", .legacy, "complete"), ("task", nil, "task"), ("task", .modern, "task"),
            ("other", .modern, "complete"),
            ("complete", .legacy, "complete"),
        ] as [(String, Era?, String)])
    func typesAreNotSmuggled(type: String, era: Era?, expected: String) throws {
        let result = try edited(#"{"resultType":"\#(type)","inputRequests":{}}"#) {
            ModernResult.settle($0, of: "tools/call", in: &$1, from: era, isPerCaller: true)
        }
        #expect(try view(result)["resultType"]?.string == expected)
    }
}

@Suite struct ListTests {
    @Test func everyListHasItsMethod() {
        for kind in ListKind.allCases { #expect(ListKind(method: kind.method) == kind) }
        #expect(ListKind(method: "tools/call") == nil)
    }

    @Test(arguments: [
        (
            ListKind.tools, #"{"tools":[{"name":"a","x":1.00} , {"name":"b"}],"nextCursor":""}"#,
            #"{"tools":[{"name":"a","x":1.00}],"nextCursor":""}"#
        ),
        (.prompts, #"{"prompts":[{"name":"b"},{"name":"a"}]}"#, #"{"prompts":[{"name":"a"}]}"#),
        (
            .resources, #"{"resources":[{"uri":"a","name":"b"},{"uri":"c","name":"a"}]}"#,
            #"{"resources":[{"uri":"a","name":"b"}]}"#
        ),
        (
            .resourceTemplates, #"{"resourceTemplates":[{"uriTemplate":"a"},{"uriTemplate":"{b}"}]}"#,
            #"{"resourceTemplates":[{"uriTemplate":"a"}]}"#
        ),
        (.tools, #"{"tools":[{"name":7},{"name":"a"},"x",{}]}"#, #"{"tools":[{"name":"a"}]}"#),
        (.tools, #"{"tools":[ {"name":"a"} ]}"#, #"{"tools":[ {"name":"a"} ]}"#),
    ])
    func onlyWhatIsKeptStays(kind: ListKind, result: String, expected: String) throws {
        let message = try message(#"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#)
        let page = try #require(ListPage(message, kind))
        var splice = JSONSplice(message.document)
        page.filter(in: &splice) { $0.id == "a" }
        #expect(text(splice.applied()) == #"{"jsonrpc":"2.0","id":1,"result":\#(expected)}"#)
    }

    @Test func anEmptyCursorIsACursor() throws {
        let message = try message(#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{}],"nextCursor":""}}"#)
        let page = try #require(ListPage(message, .tools))
        #expect(page.nextCursor == "")
        #expect(page.malformedCount == 1)
        #expect(ListPage(message, .prompts) == nil)
    }

    @Test func listsOfSeveralServersAreOne() throws {
        var list = MergedList(.tools)
        list.append(Array(#"{"name":"a__x","n":1.0}"#.utf8))
        list.append(Array(#"{"name":"b__y"}"#.utf8))
        list.join(CacheHints(ttlMs: 9, scope: .public))
        list.join(CacheHints(ttlMs: 5, scope: .public))
        #expect(
            text(list.answer(to: RequestID(3), nextCursor: "c", modern: nil))
                == #"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"a__x","n":1.0},{"name":"b__y"}],"nextCursor":"c"}}"#
        )
        #expect(
            text(list.answer(to: RequestID(3), nextCursor: nil, modern: ["name": "s"]))
                == #"{"jsonrpc":"2.0","id":3,"result":{"resultType":"complete","tools":[{"name":"a__x","n":1.0},{"name":"b__y"}],"#
                + #""ttlMs":5,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}}}"#)
    }
}
