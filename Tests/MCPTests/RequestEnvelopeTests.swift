import JSON
import MCP
import Testing

@Suite struct RequestEnvelopeTests {
    private static func request(_ meta: String, method: String = "tools/list") -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{"_meta":\#(meta)}}"#
    }

    private static let version = #""io.modelcontextprotocol/protocolVersion":"2026-07-28""#
    private static let capabilities = #""io.modelcontextprotocol/clientCapabilities":{}"#

    @Test func readsAll() throws {
        let text = Self.request(
            #"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":"#
                + #"{"extensions":{"a/b":{},"c/d":true}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"#
                + #""io.modelcontextprotocol/logLevel":"warning","progressToken":"p","traceparent":"00-x","baggage":"k=v"}"#
        )
        let envelope = try RequestEnvelope(try message(text))
        #expect(try envelope.version() == .july2026)
        #expect(envelope.extensions == ["a/b"])
        #expect(envelope.clientInfo?["name"]?.string == "c")
        #expect(envelope.logLevel == .warning)
        #expect(envelope.progressToken?.string == "p")
        #expect(envelope.traceparent == "00-x")
        #expect(envelope.tracestate == nil)
        #expect(envelope.baggage == "k=v")
    }

    @Test(arguments: [
        (#"{}"#, ProtocolFault.Code.missingMeta), ("{\(version)}", .missingMeta), ("{\(capabilities)}", .missingMeta),
        (#"[]"#, .badMeta), ("{\(capabilities),\"io.modelcontextprotocol/protocolVersion\":1}", .badMeta),
        ("{\(version),\"io.modelcontextprotocol/clientCapabilities\":[]}", .badMeta),
        ("{\(version),\(capabilities),\"io.modelcontextprotocol/clientInfo\":\"c\"}", .badMeta),
        ("{\(version),\(capabilities),\"io.modelcontextprotocol/clientInfo\":{\"name\":1}}", .badMeta),
        ("{\(version),\(capabilities),\"io.modelcontextprotocol/logLevel\":\"loud\"}", .badMeta),
        ("{\(version),\(capabilities),\"progressToken\":1.5}", .badMeta),
        ("{\(version),\(capabilities),\"progressToken\":null}", .badMeta),
    ])
    func refusesABadEnvelope(meta: String, code: ProtocolFault.Code) throws {
        let message = try message(Self.request(meta))
        let fault = #expect(throws: ProtocolFault.self) { try RequestEnvelope(message) }
        #expect(fault?.code == code)
        #expect(fault?.code.number == -32_602)
        #expect(fault?.code.httpStatus == 400)
    }

    @Test func anUnknownVersionIsAnsweredWithThoseThereAre() throws {
        let text = Self.request(#"{"io.modelcontextprotocol/protocolVersion":"2099-01-01",\#(Self.capabilities)}"#)
        let envelope = try RequestEnvelope(try message(text))
        let fault = #expect(throws: ProtocolFault.self) { try envelope.version() }
        #expect(fault?.code.number == -32_022)
        #expect(fault?.data == ["supported": ["2026-07-28"], "requested": "2099-01-01"])
        let answer = try JSONDocument.parse(fault?.answer(to: RequestID(4)) ?? []).root
        #expect(answer["id"]?.int == 4)
        #expect(answer["error"]?["code"]?.int == -32_022)
        #expect(answer["error"]?["data"]?["requested"]?.string == "2099-01-01")
    }

    @Test func aMissingCapabilityIsNamed() throws {
        let fault = ProtocolFault.missingCapability(InputKind.sampling.capability, "no sampling")
        #expect(fault.code.number == -32_021)
        #expect(fault.data == ["requiredCapabilities": ["sampling": [:]]])
    }

    // The ladder: envelope, headers, version, method. Each request breaks two rungs; the first one counts.
    @Test(arguments: [
        ("{\(version)}", "tools/list", "2025-01-01", ProtocolFault.Code.missingMeta),
        (
            "{\"io.modelcontextprotocol/protocolVersion\":\"2099-01-01\",\(capabilities)}", "ping", "2026-07-28",
            .headerMismatch
        ),
        (
            "{\"io.modelcontextprotocol/protocolVersion\":\"2099-01-01\",\(capabilities)}", "ping", "2099-01-01",
            .unsupportedVersion
        ),
        ("{\(version),\(capabilities)}", "ping", "2026-07-28", .unknownMethod),
        ("{\(version),\(capabilities)}", "initialize", "2026-07-28", .unknownMethod),
        ("{\(version),\(capabilities)}", "logging/setLevel", "2026-07-28", .unknownMethod),
        ("{\(version),\(capabilities)}", "resources/subscribe", "2026-07-28", .unknownMethod),
        ("{\(version),\(capabilities)}", "tasks/get", "2026-07-28", .missingCapability),
        ("{\(version),\(capabilities)}", "nobody/knows", "2026-07-28", .unknownMethod),
    ])
    func theFirstBrokenRungCounts(meta: String, method: String, header: String, code: ProtocolFault.Code) throws {
        let message = try message(Self.request(meta, method: method))
        var headers = RoutingHeaders()
        headers.take(name: "MCP-Protocol-Version", value: header)
        headers.take(name: "Mcp-Method", value: method)
        let fault = #expect(throws: ProtocolFault.self) {
            try ModernRequest.check(
                message, headers: headers, serverExtensions: [ExtensionID.tasks], knows: { $0 != "nobody/knows" })
        }
        #expect(fault?.code == code)
        #expect(code.httpStatus == (code == .unknownMethod ? 404 : 400))
    }

    @Test func whatPassesPasses() throws {
        let message = try message(Self.request("{\(Self.version),\(Self.capabilities)}", method: "vendor/extra"))
        #expect(try ModernRequest.check(message, headers: nil).versionText == "2026-07-28")
    }

    @Test(arguments: [
        ("io.modelcontextprotocol/x", true), ("com.mcp.y/x", true), ("dev.MCP/x", true), ("com.example.mcp/x", false),
        ("mcp/x", false), ("progressToken", true), ("traceparent", true), ("x", false), ("com.example/x", false),
    ])
    func knowsReservedKeys(key: String, isReserved: Bool) {
        #expect(MetaKey.isReserved(key) == isReserved)
    }
}
