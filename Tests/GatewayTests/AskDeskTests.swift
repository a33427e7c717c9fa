import JSON
import MCP
import Runtime
import Synchronization
import Testing

@testable import Gateway

/// A modern server's questions on their way to a legacy client.
@Suite struct AskDeskTests {
    private static func question() throws -> LegacyFront.ServerRequest {
        let result = try JSONDocument.parse(
            Array(#"{"resultType":"input_required","inputRequests":{"k":{"method":"roots/list"}}}"#.utf8)
        ).root
        let capabilities = try JSONDocument.parse(Array(#"{"roots":{}}"#.utf8)).root
        let requests = try LegacyFront.serverRequests(
            try InputRequired(result), version: .november2025, capabilities: capabilities, task: nil,
            elicitationID: { "\($0)" })
        return try #require(requests.first)
    }

    /// What the client is sent of a question, and whether an answer came.
    private static func ask(_ handle: CallHandle, whenAsked: @escaping @Sendable (Visit, [UInt8]) -> Void = { _, _ in })
        async throws -> (sent: [RPCMessage], isAnswered: Bool)
    {
        try await withLoop { loop in
            let scene = try Scene(loop)
            let (desk, visit) = (scene.forwarder.exchange.desk, scene.visit)
            let sent = Mutex<[[UInt8]]>([])
            let isAnswered = try await Task(executorPreference: loop) {
                await desk.ask(try question(), visit, handle) { message in
                    let isFirst = sent.withLock { sent in
                        sent.append(message)
                        return sent.count == 1
                    }
                    if isFirst { whenAsked(visit, message) }
                } != nil
            }.value
            #expect(visit.session.asks.waiting.isEmpty)
            return (try sent.withLock { $0 }.map { try RPCMessage(JSONDocument.parse($0)) }, isAnswered)
        }
    }

    @Test func nobodyIsAskedForACallThatWasTakenBack() async throws {
        let handle = CallHandle()
        handle.cancel()
        let (sent, isAnswered) = try await Self.ask(handle)
        #expect(sent.isEmpty && !isAnswered)
    }

    @Test func aQuestionWhoseCallIsTakenBackIsTakenBackToo() async throws {
        let handle = CallHandle()
        let (sent, isAnswered) = try await Self.ask(handle) { _, _ in handle.cancel() }
        #expect(!isAnswered && sent.map(\.method) == ["roots/list", "notifications/cancelled"])
        guard case .request(let id) = try #require(sent.first).kind else { throw Unexpected() }
        #expect(sent[1].params?["requestId"].flatMap(RequestID.init) == id)
    }

    @Test func anAnswerEndsIt() async throws {
        let (sent, isAnswered) = try await Self.ask(CallHandle()) { visit, message in
            guard let asked = try? RPCMessage(JSONDocument.parse(message)), case .request(let id) = asked.kind,
                let number = id.int, let answer = try? Scene.message(#"{"jsonrpc":"2.0","id":\#(number),"result":{}}"#)
            else { return }
            visit.session.asks.take(number)?.ended(answer)
        }
        #expect(isAnswered && sent.map(\.method) == ["roots/list"])
    }
}
