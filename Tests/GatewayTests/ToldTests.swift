import JSON
import MCP
import Runtime
import Synchronization
import Testing

@testable import Gateway

/// What is said again to a server that has begun anew.
@Suite struct ToldTests {
    private static func request(_ method: String, _ params: String, isAgain: Bool = false) -> Outgoing {
        let text = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#
        return Outgoing(message: Array(text.utf8), id: 1, method: method, isAgain: isAgain)
    }

    private static func hello(_ capabilities: String) throws -> UpstreamHello {
        try #require(
            UpstreamHello(
                try Scene.message(
                    #"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":\#(capabilities),"serverInfo":{"name":"s","version":"1"}}}"#
                )))
    }

    private static func said(_ told: Told, _ capabilities: String) throws -> [String] {
        told.again(to: try hello(capabilities)).map { word in
            "\(word.request.method) \(String(decoding: JSONValue.object(word.request.params).bytes, as: UTF8.self))"
        }
    }

    @Test func theLastWordCounts() throws {
        var told = Told()
        told.note(Self.request("tools/call", #"{"name":"t","uri":"x","level":"debug"}"#))
        told.note(Self.request("resources/subscribe", #"{"uri":"a:1"}"#))
        told.note(Self.request("logging/setLevel", #"{"level":"error"}"#))
        told.note(Self.request("resources/subscribe", #"{"uri":"a:2"}"#))
        told.note(Self.request("resources/subscribe", #"{"uri":"a:1"}"#))
        told.note(Self.request("resources/unsubscribe", #"{"uri":"a:1"}"#))
        told.note(Self.request("logging/setLevel", #"{"level":"info"}"#))
        told.note(Self.request("logging/setLevel", #"{"level":"loud"}"#))
        #expect(
            try Self.said(told, #"{"resources":{"subscribe":true},"logging":{}}"#) == [
                #"logging/setLevel {"level":"info"}"#, #"resources/subscribe {"uri":"a:2"}"#,
            ])
        #expect(try Self.said(told, #"{"logging":{}}"#).count == 1, "what it does not have it is not asked for")
        #expect(try Self.said(told, "{}").isEmpty)
        told.note(Self.request("logging/setLevel", #"{"level":"debug"}"#, isAgain: true))
        #expect(told.level == .info, "what is said again may be out of date")
    }

    @Test func whatIsNotTakenUpHoldsUpNothingAndIsSaidOnceMore() async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let loop = group.next()
        let said = Mutex<[String]>([])
        let link = FakeLink(hello: try Self.hello(#"{"resources":{}}"#)) { id, request throws(UpstreamError) in
            let uri = request.params?["uri"]?.string ?? ""
            said.withLock { $0.append(uri) }
            if uri == "a:1" { throw UpstreamError(.timeout, mayHaveRun: true, detail: "silent") }
            return .response(try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),"result":{}}"#), status: 200)
        }
        let told = Told(subscriptions: ["a:1", "a:2"])
        await Task(executorPreference: loop) { await link.tell(on: loop) { told } }.value
        #expect(said.withLock { $0 } == ["a:1", "a:2", "a:1"])
    }

    private final class Client: Sendable {
        let told: Mutex<Told>

        init(_ told: Told) { self.told = Mutex(told) }
    }

    /// Says it to a server that answers each request with what `answer` gives; what it was asked for.
    private static func told(_ client: Client, _ answer: @escaping @Sendable (String) -> String) async throws
        -> [String]
    {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let loop = group.next()
        let said = Mutex<[String]>([])
        let link = FakeLink(hello: try Self.hello(#"{"resources":{},"logging":{}}"#)) {
            id, request throws(UpstreamError) in
            let what: String = request.params?["uri"]?.string ?? request.params?["level"]?.string ?? ""
            said.withLock { $0.append("\(request.method) \(what)") }
            return .response(try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),\#(answer(what))}"#), status: 200)
        }
        await Task(executorPreference: loop) { await link.tell(on: loop) { client.told.withLock { $0 } } }.value
        return said.withLock { $0 }
    }

    @Test func whatTheClientSaysMeanwhileIsTheLastWord() async throws {
        let client = Client(Told(level: .debug, subscriptions: ["a:1", "a:2"]))
        let said = try await Self.told(client) { what in
            client.told.withLock { told in
                if what == "debug" { told.level = .error }
                if what == "a:1" { told.subscriptions = ["a:2"] }
            }
            return #""result":{}"#
        }
        #expect(
            said == [
                "logging/setLevel debug", "logging/setLevel error", "resources/subscribe a:1",
                "resources/unsubscribe a:1", "resources/subscribe a:2",
            ])
    }

    @Test func whatIsAnsweredWithAnErrorIsSaidOnceMore() async throws {
        let client = Client(Told(subscriptions: ["a:1", "a:2"]))
        let said = try await Self.told(client) { what in
            what == "a:1" ? #""error":{"code":-32602,"message":"before initialization was complete"}"# : #""result":{}"#
        }
        #expect(said == ["a:1", "a:2", "a:1"].map { "resources/subscribe \($0)" })
    }

    @Test func whatNobodyWantsAnyMoreIsForgotten() throws {
        var told = Told()
        told.wanted = { ["a:2", "a:5000"] }
        for number in 0..<2 * ListenFilter.maximumEntries {
            told.note(Self.request("resources/subscribe", #"{"uri":"a:\#(number)"}"#))
        }
        told.note(Self.request("resources/subscribe", #"{"uri":"a:5000"}"#))
        #expect(told.current.subscriptions == ["a:2", "a:5000"])
        #expect(told.holds(.subscription("a:2")) && !told.holds(.subscription("a:3")))
    }

    @Test func thereIsAnEndToIt() throws {
        var told = Told()
        for number in 0..<2 * ListenFilter.maximumEntries {
            told.note(Self.request("resources/subscribe", #"{"uri":"a:\#(number)"}"#))
        }
        #expect(told.subscriptions.count == ListenFilter.maximumEntries)
    }
}
