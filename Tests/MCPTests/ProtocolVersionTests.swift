import JSON
import MCP
import Testing

@Suite struct ProtocolVersionTests {
    @Test(arguments: [
        ("2024-11-05", "2024-11-05"), ("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"), ("2026-07-28", "2025-11-25"), ("1999-01-01", "2025-11-25"), ("", "2025-11-25"),
    ])
    func aServerAnswersInitialize(asked: String, answered: String) {
        #expect(ProtocolVersion.answer(toInitializeFor: asked).rawValue == answered)
    }

    @Test(arguments: [
        ("2024-11-05", ProtocolVersion.november2024), ("2025-11-25", .november2025), ("2026-07-28", nil), ("x", nil),
    ])
    func aClientAcceptsOnlyVersionsWithInitialize(answered: String, accepted: ProtocolVersion?) {
        #expect(ProtocolVersion.accepted(fromInitializeAnswer: answered) == accepted)
    }

    @Test func picksTheBestSharedModernVersion() {
        #expect(ProtocolVersion.best(among: ["2025-11-25", "2026-07-28", "2027-01-01"]) == .july2026)
        #expect(ProtocolVersion.best(among: ["2025-11-25"]) == nil)
        #expect(ProtocolVersion.best(among: []) == nil)
    }

    @Test func versionsKnowTheirEra() {
        #expect(ProtocolVersion.allCases == ProtocolVersion.allCases.sorted())
        #expect(ProtocolVersion.legacy + ProtocolVersion.modern == ProtocolVersion.allCases)
        #expect(ProtocolVersion.modern == [.july2026])
        #expect(ProtocolVersion.allCases.filter(\.allowsBatches) == [.march2025])
        #expect(ProtocolVersion.allCases.filter(\.hasVersionHeader) == [.june2025, .november2025, .july2026])
    }

    private static let modern =
        #""params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}"#

    @Test(arguments: [
        (#""id":1,"method":"tools/list","# + modern, nil as String?, false, EraEvidence.modern),
        (#""id":1,"method":"tools/list","# + modern, "2026-07-28", false, .modern),
        (#""id":1,"method":"tools/list","# + modern, nil, true, .modern),
        (#""id":1,"method":"initialize","# + modern, nil, false, .modern),
        (#""id":1,"method":"tools/list""#, "2026-07-28", false, .modern),
        (#""id":1,"method":"tools/list""#, " 2026-07-28\t", false, .modern),
        (#""id":1,"method":"tools/list""#, "2030-01-01", false, .modern),
        (#""id":1,"method":"tools/list""#, "2030-01-01", true, .legacy),
        (#""id":1,"method":"tools/list""#, "2025-11-25", true, .legacy),
        (#""id":1,"method":"tools/list""#, "2025-11-25", false, .legacy),
        (#""id":1,"method":"tools/list""#, nil, true, .legacy),
        (#""id":1,"method":"tools/list""#, nil, false, .legacy),
        (#""id":1,"method":"initialize","params":{}"#, nil, false, .opensLegacy),
        (#""id":1,"method":"initialize","params":{}"#, "2025-06-18", true, .opensLegacy),
        (#""id":1,"method":"initialize","params":{}"#, "2030-01-01", false, .opensLegacy),
        (#""method":"notifications/cancelled","params":{"requestId":1}"#, nil, false, .unclear),
        (#""method":"notifications/cancelled","params":{"requestId":1}"#, nil, true, .legacy),
        (#""method":"notifications/initialized""#, nil, false, .legacy),
        (#""id":1,"result":{}"#, "2026-07-28", true, .legacy),
    ])
    func aMessageShowsItsEra(rest: String, header: String?, hasSession: Bool, evidence: EraEvidence) throws {
        let message = try message("{\"jsonrpc\":\"2.0\",\(rest)}")
        #expect(EraEvidence(message, versionHeader: header.map(VersionHeader.init), hasSession: hasSession) == evidence)
    }

    @Test(
        arguments: [
            (
                200, #""result":{"supportedVersions":["2026-07-28"],"capabilities":{}}"#,
                UpstreamProbe.Verdict.modern(.july2026)
            ),
            (nil, #""result":{"supportedVersions":["2026-07-28"],"capabilities":{}}"#, .modern(.july2026)),
            (200, #""result":{"supportedVersions":["2031-01-01"]}"#, .initialize),
            (200, #""result":{}"#, .initialize),
            (
                400, #""error":{"code":-32022,"message":"","data":{"supported":["2026-07-28"],"requested":"x"}}"#,
                .retry(.july2026)
            ),
            (
                400, #""error":{"code":-32022,"message":"","data":{"supported":["2031-01-01"],"requested":"x"}}"#,
                .initialize
            ),
            (400, #""error":{"code":-32020,"message":""}"#, .modern(.july2026)),
            (400, #""error":{"code":-32021,"message":""}"#, .modern(.july2026)),
            (400, #""error":{"code":-32600,"message":"Missing session ID"}"#, .initialize),
            (nil, #""error":{"code":-32602,"message":""}"#, .initialize),
            (404, #""error":{"code":-32601,"message":""}"#, .initialize),
            (503, #""error":{"code":-32603,"message":""}"#, .noVerdict), (401, nil, .noVerdict), (429, nil, .noVerdict),
            (307, nil, .noVerdict), (404, nil, .initialize), (nil, nil, .initialize),
        ] as [(UInt16?, String?, UpstreamProbe.Verdict)])
    func aServerShowsItsEra(status: UInt16?, rest: String?, verdict: UpstreamProbe.Verdict) throws {
        let answer = try rest.map { try message("{\"jsonrpc\":\"2.0\",\"id\":1,\($0)}") }
        #expect(UpstreamProbe.afterDiscover(status: status, answer: answer) == verdict)
    }

    @Test(
        arguments: [
            (200, #""result":{"protocolVersion":"2025-06-18"}"#, UpstreamProbe.Verdict.legacy(.june2025)),
            (nil, #""result":{"protocolVersion":"2024-11-05"}"#, .legacy(.november2024)),
            (200, #""result":{"protocolVersion":"2023-01-01"}"#, .noSharedVersion("2023-01-01")),
            (400, #""error":{"code":-32022,"message":"","data":{"supported":["2026-07-28"]}}"#, .modern(.july2026)),
            (
                400, #""error":{"code":-32022,"message":"","data":{"supported":["2031-01-01"]}}"#,
                .noSharedVersion("2031-01-01")
            ),
            (405, nil, .eventStream), (404, nil, .eventStream), (400, nil, .eventStream), (502, nil, .noVerdict),
            (nil, #""error":{"code":-32603,"message":""}"#, .noVerdict), (200, nil, .noVerdict),
        ] as [(UInt16?, String?, UpstreamProbe.Verdict)])
    func aServerAnswersTheHandshake(status: UInt16?, rest: String?, verdict: UpstreamProbe.Verdict) throws {
        let answer = try rest.map { try message("{\"jsonrpc\":\"2.0\",\"id\":1,\($0)}") }
        #expect(UpstreamProbe.afterInitialize(status: status, answer: answer) == verdict)
    }
}
