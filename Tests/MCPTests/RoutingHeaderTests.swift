import JSON
import MCP
import Testing

@Suite struct RoutingHeaderTests {
    @Test(arguments: [
        ("add", "add"), ("", ""), ("a b", "a b"), (" a", "=?base64?IGE=?="), ("a ", "=?base64?YSA=?="),
        ("é", "=?base64?w6k=?="), ("a\tb", "=?base64?YQli?="), ("\n", "=?base64?Cg==?="),
        ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="), ("=?base64?", "=?base64?"),
        ("=?base64?=", "=?base64?="),
        ("=?BASE64?eA==?=", "=?BASE64?eA==?="), ("a=?base64?eA==?=", "a=?base64?eA==?="), ("\u{7F}", "=?base64?fw==?="),
    ])
    func textsSurviveHeaders(text: String, value: String) {
        #expect(HeaderValue.encode(text) == value)
        #expect(HeaderValue.decode(Array(value.utf8)[...]) == text)
    }

    @Test(
        arguments: [
            ("=?base64?eA?=", nil), ("=?base64?!!?=", nil), ("=?base64?/w==?=", nil), ("=?base64?eB==?=", nil),
            ("=?base64??=", ""), (" \tx\t ", "x"), ("a\u{0}b", nil), ("é", nil), ("\u{7F}", nil),
        ] as [(String, String?)])
    func readsOnlyWhatIsSound(value: String, text: String?) {
        #expect(HeaderValue.decode(Array(value.utf8)[...]) == text)
    }

    private static let meta =
        #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#

    private static func call(_ arguments: String, name: String = "add") -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(name)","arguments":\#(arguments),\#(meta)}}"#
    }

    private static let parameters = [
        HeaderParameter(name: "Region", path: ["region"], kind: .string),
        HeaderParameter(name: "Count", path: ["deep", "count"], kind: .integer),
        HeaderParameter(name: "Dry", path: ["dry"], kind: .boolean),
    ]

    private func check(_ text: String, _ lines: [(String, String)]) throws {
        var headers = RoutingHeaders()
        for (name, value) in lines { headers.take(name: name, value: value) }
        try headers.check(try message(text), version: "2026-07-28", parameters: Self.parameters)
    }

    private static let good = [
        ("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "add"),
    ]

    @Test(
        arguments: [
            ("{}", []), (#"{"region":null}"#, []), ("[]", []),
            (#"{"region":"eu"}"#, [("mcp-param-region", "eu")]), (#"{"region":"eu"}"#, [("MCP-PARAM-REGION", "  eu ")]),
            (#"{"region":" é"}"#, [("Mcp-Param-Region", "=?base64?IMOp?=")]),
            (#"{"region":""}"#, [("Mcp-Param-Region", "")]),
            (#"{"deep":{"count":10}}"#, [("Mcp-Param-Count", "10")]),
            (#"{"deep":{"count":1e1}}"#, [("Mcp-Param-Count", "10")]),
            (#"{"deep":{"count":10}}"#, [("Mcp-Param-Count", "10.0")]),
            (#"{"deep":{"count":10.0}}"#, [("Mcp-Param-Count", "10")]),
            (#"{"deep":{"count":9007199254740993}}"#, [("Mcp-Param-Count", "9007199254740993")]),
            (#"{"dry":true}"#, [("Mcp-Param-Dry", "true")]), (#"{"dry":[1]}"#, []),
            ("{}", [("Mcp-Param-Other", "whatever")]),
        ] as [(String, [(String, String)])])
    func headersThatAgreePass(arguments: String, lines: [(String, String)]) throws {
        try check(Self.call(arguments), Self.good + lines)
    }

    @Test(
        arguments: [
            ("{}", Array(good.dropFirst())), ("{}", Array(good.dropLast())), ("{}", [good[0], good[2]]),
            ("{}", [("MCP-Protocol-Version", "2025-11-25"), good[1], good[2]]),
            ("{}", [good[0], ("Mcp-Method", "Tools/Call"), good[2]]),
            ("{}", [good[0], ("Mcp-Method", "tools/list"), good[2]]),
            ("{}", [good[0], good[1], ("Mcp-Name", "ADD")]), ("{}", [good[0], good[1], ("Mcp-Name", "=?base64?!?=")]),
            ("{}", good + [("mcp-name", "add")]), ("{}", good + [("mcp-method", "tools/call")]),
            ("{}", good + [good[0]]), ("{}", [good[0], good[1], ("Mcp-Name", "a\u{1}d")]),
            (#"{"region":"eu"}"#, good), (#"{"region":"eu"}"#, good + [("Mcp-Param-Region", "us")]),
            (#"{"region":"eu"}"#, good + [("Mcp-Param-Region", "EU")]),
            (#"{"region":"eu"}"#, good + [("Mcp-Param-Region", "eu"), ("mcp-param-region", "eu")]),
            (#"{"region":"x"}"#, good + [("Mcp-Param-Region", "=?base64?eB==?=")]),
            (#"{}"#, good + [("Mcp-Param-Region", "eu")]), (#"{"region":null}"#, good + [("Mcp-Param-Region", "null")]),
            (#"{"deep":{"count":9007199254740993}}"#, good + [("Mcp-Param-Count", "9007199254740992")]),
            (#"{"deep":{"count":1}}"#, good + [("Mcp-Param-Count", "one")]),
            (#"{"deep":{"count":10}}"#, good + [("Mcp-Param-Count", "1e1")]),
            (#"{"dry":[1]}"#, good + [("Mcp-Param-Dry", "1")]),
            (#"{"dry":10}"#, good + [("Mcp-Param-Dry", "10.0")]),
            (#"{"dry":true}"#, good + [("Mcp-Param-Dry", "1")]),
        ] as [(String, [(String, String)])])
    func headersThatDisagreeAreRefused(arguments: String, lines: [(String, String)]) throws {
        let fault = #expect(throws: ProtocolFault.self) { try check(Self.call(arguments), lines) }
        #expect(fault?.code == .headerMismatch)
        #expect(fault?.code.number == -32_020)
    }

    @Test(arguments: [
        ("prompts/get", #""name":"p""#, "p"), ("resources/read", #""uri":"file:///é""#, "=?base64?ZmlsZTovLy/DqQ==?="),
        ("tasks/get", #""taskId":"t-1""#, "t-1"), ("tasks/update", #""taskId":"t-1""#, "t-1"),
        ("tasks/cancel", #""taskId":"t-1""#, "t-1"),
    ])
    func everyMethodWithANameNeedsIt(method: String, member: String, value: String) throws {
        let text = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{\#(member),\#(Self.meta)}}"#
        let lines = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)]
        #expect(throws: ProtocolFault.self) { try check(text, lines) }
        try check(text, lines + [("Mcp-Name", value)])
        let sent = RoutingHeaders.outgoing(method: method, params: try message(text).params)
        #expect(sent.map(\.name) == ["Mcp-Method", "Mcp-Name"])
        #expect(sent.map(\.value) == [method, value])
    }

    @Test func whatWeSendWouldBeAcceptedByUs() throws {
        let text = Self.call(
            #"{"region":" ü=","deep":{"count":12345678901234567890},"dry":false,"rest":[1]}"#, name: "Zähler")
        let sent = RoutingHeaders.outgoing(
            method: "tools/call", params: try message(text).params, parameters: Self.parameters)
        #expect(sent.map(\.name) == ["Mcp-Method", "Mcp-Name", "Mcp-Param-Region", "Mcp-Param-Count", "Mcp-Param-Dry"])
        #expect(sent[3].value == "12345678901234567890")
        #expect(sent[4].value == "false")
        try check(text, [("MCP-Protocol-Version", "2026-07-28")] + sent.map { ($0.name, $0.value) })
    }

    @Test func aRenamedToolGetsTheNewName() throws {
        let params = try message(Self.call("{}", name: "files__read")).params
        let sent = RoutingHeaders.outgoing(
            method: "tools/call", name: "read", arguments: params?["arguments"], parameters: Self.parameters)
        #expect(sent.map(\.value) == ["tools/call", "read"])
    }

    @Test func withoutTheSchemaParametersAreLeftToTheServer() throws {
        var headers = RoutingHeaders()
        for (name, value) in Self.good + [("Mcp-Param-Region", "us")] { headers.take(name: name, value: value) }
        try headers.check(try message(Self.call(#"{"region":"eu"}"#)), version: "2026-07-28", parameters: nil)
    }
}

@Suite struct HeaderParameterTests {
    private func parameters(_ schema: String) throws -> [HeaderParameter] {
        try HeaderParameter.all(in: JSONDocument.parse(Array(schema.utf8)).root)
    }

    @Test func findsParametersThroughProperties() throws {
        let found = try parameters(
            #"{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"},"o":{"type":"object","properties":"#
                + #"{"n":{"type":"integer","x-mcp-header":"N-2"}}},"b":{"type":"boolean","x-mcp-header":"b"},"plain":{}}}"#
        )
        #expect(
            found == [
                HeaderParameter(name: "A", path: ["a"], kind: .string),
                HeaderParameter(name: "N-2", path: ["o", "n"], kind: .integer),
                HeaderParameter(name: "b", path: ["b"], kind: .boolean),
            ])
    }

    @Test(arguments: [
        // A property may be called so, and data may look so.
        #"{"properties":{"x-mcp-header":{"type":"string"}}}"#,
        #"{"properties":{"a":{"type":"object","default":{"x-mcp-header":""},"enum":[{"x-mcp-header":1}]}}}"#,
        #"{"examples":[{"x-mcp-header":1}],"const":{"x-mcp-header":1}}"#, #"{}"#, #"true"#,
    ])
    func dataIsNoSchema(schema: String) throws {
        #expect(try parameters(schema).isEmpty)
    }

    @Test(arguments: [
        (#"{"x-mcp-header":"R"}"#, HeaderSchemaFault.Code.unreachable, ""),
        (
            #"{"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}"#, .unreachable,
            "/properties/a/items"
        ),
        (
            #"{"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#, .unreachable,
            "/oneOf/0/properties/a"
        ),
        (#"{"$defs":{"a":{"type":"string","x-mcp-header":"A"}}}"#, .unreachable, "/$defs/a"),
        (#"{"if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}"#, .unreachable, "/if/properties/a"),
        (#"{"patternProperties":{"a":{"type":"string","x-mcp-header":"A"}}}"#, .unreachable, "/patternProperties/a"),
        (#"{"properties":{"a":{"type":"string","x-mcp-header":""}}}"#, .notAToken, "/properties/a"),
        (#"{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}"#, .notAToken, "/properties/a"),
        (#"{"properties":{"a":{"type":"string","x-mcp-header":"a:b"}}}"#, .notAToken, "/properties/a"),
        (#"{"properties":{"a":{"type":"string","x-mcp-header":"a\r\nb"}}}"#, .notAToken, "/properties/a"),
        (#"{"properties":{"a":{"type":"string","x-mcp-header":"ä"}}}"#, .notAToken, "/properties/a"),
        (#"{"properties":{"a":{"type":"string","x-mcp-header":7}}}"#, .notAString, "/properties/a"),
        (#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#, .wrongType, "/properties/a"),
        (#"{"properties":{"a":{"type":["string","null"],"x-mcp-header":"A"}}}"#, .wrongType, "/properties/a"),
        (#"{"properties":{"a":{"type":"object","x-mcp-header":"A"}}}"#, .wrongType, "/properties/a"),
        (#"{"properties":{"a":{"x-mcp-header":"A"}}}"#, .wrongType, "/properties/a"),
        (
            #"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"properties":{"c":{"type":"string","x-mcp-header":"a"}}}}}"#,
            .duplicate, "/properties/b/properties/c"
        ),
    ])
    func toolsThatBreakARuleAreDropped(schema: String, code: HeaderSchemaFault.Code, place: String) {
        let fault = #expect(throws: HeaderSchemaFault.self) { try parameters(schema) }
        #expect(fault?.code == code)
        #expect(fault?.place.description == place)
        #expect(fault?.message.isEmpty == false)
    }
}
