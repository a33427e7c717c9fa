import JSON
import MCP
import Testing

@testable import Gateway

/// How requests change on their way.
@Suite struct CrossingTests {
    private static func message(_ name: String, _ capabilities: String) throws -> RPCMessage {
        try RPCMessage(
            JSONDocument.parse(
                Array(
                    """
                    {"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"\(name)","arguments":{"a":[1.0]},"_meta":{\
                    "io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c",\
                    "version":"1"},"io.modelcontextprotocol/clientCapabilities":\(capabilities)}}}
                    """.utf8)))
    }

    /// At the endpoint for all servers it is another text than the one that the client has sent, shorter or longer.
    @Test(arguments: ["t", "s__t", "a_name_that_is_much_longer_than_the_one_that_was_sent"])
    func whatTheClientCanDoIsCutInTheMessageThatGoesOn(name: String) throws {
        let sent = try Self.message("s__t", #"{"sampling":{},"elicitation":{"form":{}}}"#)
        let crossing = Crossing(
            message: try Self.message(name, #"{"sampling":{},"elicitation":{"form":{}}}"#),
            profile: ClientProfile(try RequestEnvelope(sent), version: .newest), serverVersion: .newest,
            relays: Relays(elicitation: false, sampling: false, roots: false, tasks: true), logLevel: nil)
        let expected = try Self.message(name, "{}").document.bytes
        #expect(
            String(decoding: crossing.request(id: 5), as: UTF8.self) == String(decoding: expected, as: UTF8.self))
    }
}
