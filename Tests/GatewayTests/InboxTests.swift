import JSON
import MCP
import Testing

@testable import Gateway

/// What waits for a caller that does not take it.
@Suite struct InboxTests {
    private static let mebibyte = String(repeating: "x", count: 1 << 20)

    private static func message(_ text: String) throws -> RPCMessage {
        try RPCMessage(JSONDocument.parse(Array(text.utf8), limits: .upstream))
    }

    private static func notification(_ text: String = mebibyte) throws -> RPCMessage {
        try message(#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"message":"\#(text)"}}"#)
    }

    private static func request(_ text: String = mebibyte) throws -> RPCMessage {
        try message(#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"x":"\#(text)"}}"#)
    }

    private static func response() throws -> RPCMessage {
        try message(#"{"jsonrpc":"2.0","id":7,"result":{"x":"\#(mebibyte)"}}"#)
    }

    private static func methods(in inbox: Inbox) -> [String] {
        var methods: [String] = []
        while let message = inbox.taken() { methods.append(message.method) }
        return methods
    }

    @Test func handsOutWhatCameBeforeTheEnd() async throws {
        let inbox = Inbox()
        inbox.put(try Scene.message(#"{"jsonrpc":"2.0","id":1,"result":{}}"#))
        inbox.fail(UpstreamError(.lost, mayHaveRun: true, detail: "gone"))
        inbox.put(try Scene.message(#"{"jsonrpc":"2.0","id":2,"result":{}}"#))
        guard case .response(let id, _) = try await inbox.next().kind else { throw Unexpected() }
        #expect(id?.int == 1)
        await #expect(throws: UpstreamError(.lost, mayHaveRun: true, detail: "gone")) { try await inbox.next() }
    }

    @Test func bytesHaveAnEndAndTheAnswerComesThrough() throws {
        let inbox = Inbox()
        for _ in 0..<9 { inbox.put(try Self.notification()) }
        for _ in 0..<9 { inbox.put(try Self.request()) }
        inbox.put(try Self.response())
        let methods = Self.methods(in: inbox)
        #expect(methods.count { $0 == "notifications/progress" } == 3)
        #expect(methods.count { $0 == "sampling/createMessage" } == 4)
        #expect(methods.last == "")
        // Whoever reads again gets what comes then.
        for _ in 0..<4 { inbox.put(try Self.notification()) }
        #expect(Self.methods(in: inbox).count == 3)
    }

    @Test func theirNumberHasAnEnd() throws {
        let inbox = Inbox()
        for _ in 0..<1_100 { inbox.put(try Self.notification("")) }
        for _ in 0..<1_100 { inbox.put(try Self.request("")) }
        inbox.put(try Self.response())
        let methods = Self.methods(in: inbox)
        #expect(methods.count { $0 == "notifications/progress" } == 1_024)
        #expect(methods.count { $0 == "sampling/createMessage" } == 1_024)
        #expect(methods.count == 2_049)
    }

    @Test func aLargeMessageThatIsAloneFindsRoom() throws {
        let inbox = Inbox()
        inbox.put(try Self.notification(String(repeating: Self.mebibyte, count: 9)))
        inbox.put(try Self.notification(""))
        #expect(Self.methods(in: inbox).count == 1)
    }
}
