import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization
import Testing

@testable import Gateway

/// A legacy server that asks in the middle of a call: `questions` at a time, and answers when it has all answers.
final class AskingLink: UpstreamLink {
    struct State {
        var inbox: Inbox?
        var call: Int64 = 0
        var open: Set<Int64> = []
        var answers: [String] = []
        var calls = 0
        var cancelled = 0
        var closed = false
    }

    let state = Mutex(State())
    let hello = UpstreamHello.unknown
    let isShared = false
    private let rounds: Mutex<[[String]]>
    private let counter = Atomic<Int64>(100)

    /// - Parameter rounds: for each round the methods asked at once.
    init(_ rounds: [[String]]) {
        self.rounds = Mutex(rounds)
    }

    func prepare() async throws(UpstreamError) {}
    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        if outgoing.method == "tools/list" {
            let text = #"{"jsonrpc":"2.0","id":\#(outgoing.id),"result":{"tools":[{"name":"t"}]}}"#
            return .response(try Scene.message(text), status: 200)
        }
        let inbox = Inbox()
        state.withLock { state in
            state.inbox = inbox
            state.call = outgoing.id
            state.calls += 1
        }
        handle.onCancel { [self] in
            state.withLock { $0.cancelled += 1 }
            inbox.fail(UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled"))
        }
        step()
        return .stream(inbox)
    }

    func post(_ message: [UInt8], on loop: EventLoop) {
        guard let response = try? RPCMessage(JSONDocument.parse(message)), case .response(let id, _) = response.kind
        else { return }
        let isDone = state.withLock { state in
            guard let number = id?.int, state.open.remove(number) != nil else { return false }
            state.answers.append(response.outcome.map { String(decoding: $0.rawBytes, as: UTF8.self) } ?? "")
            return state.open.isEmpty
        }
        if isDone { step() }
    }

    /// Progress, and the next questions or the result.
    private func step() {
        let methods = rounds.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        let (inbox, call) = state.withLock { ($0.inbox, $0.call) }
        func put(_ text: String) {
            guard let message = try? Scene.message(text) else { return }
            inbox?.put(message)
        }
        guard let methods else {
            let answers = state.withLock { $0.answers }.joined(separator: ",")
            return put(
                #"{"jsonrpc":"2.0","id":\#(call),"result":{"content":[],"structuredContent":{"a":[\#(answers)]}}}"#)
        }
        put(#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":\#(call),"progress":1}}"#)
        for (number, method) in methods.enumerated() {
            let id = Int64(state.withLock { $0.answers.count } + number + 1)
            state.withLock { _ = $0.open.insert(id) }
            let params = method == "elicitation/create" ? #","params":{"message":"?","requestedSchema":{}}"# : ""
            put(#"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)"\#(params)}"#)
        }
    }

    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {}
    func close(on loop: EventLoop) { state.withLock { $0.closed = true } }
}

/// What a client would see.
final class CollectingReply: ReplyChannel {
    var notes: [String] = []
    var answers: [String] = []
    var isSilent = false
    var isAccepted = false
    var refusals: [Refusal] = []
    var session: String?
    var isGone = false
    private var gone: (@Sendable () -> Void)?

    func onGone(_ body: @escaping @Sendable () -> Void) { gone = body }
    func notify(_ message: [UInt8]) async { notes.append(String(decoding: message, as: UTF8.self)) }
    func answer(_ message: [UInt8], status: HTTPStatus) async {
        answers.append(String(decoding: message, as: UTF8.self))
    }
    func answer(_ message: [UInt8], session: String) {
        self.session = session
        answers.append(String(decoding: message, as: UTF8.self))
    }
    func silence() { isSilent = true }
    func accepted() { isAccepted = true }
    func refuse(_ refusal: Refusal) { refusals.append(refusal) }

    func hangUp() {
        isGone = true
        gone?()
    }

    /// The only answer.
    func json() throws -> JSONView { try JSONDocument.parse(Array(try #require(answers.first).utf8)).root }
}

/// A stand before one scripted link.
extension Stand {
    static let limited =
        #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"window":"minute","max":5}]},"client:elicitation":{},"client:roots":{}}}"#
    static let capabilities = #"{"elicitation":{},"roots":{}}"#

    func modern(_ id: Int, _ more: String = "", token: Int? = nil) throws -> RPCMessage {
        let progress = token.map { #","progressToken":\#($0)"# } ?? ""
        return try Scene.message(
            #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"t","arguments":{"x":1},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":\#(Self.capabilities)\#(progress)}\#(more)}}"#
        )
    }

    func session(_ link: any UpstreamLink) throws -> ClientSession {
        let envelope = try RequestEnvelope(try modern(0))
        let caller = holder.callers[0]
        return ClientSession(
            id: "standing", caller: caller, server: try upstreams.server(caller.server),
            profile: ClientProfile(envelope, version: .newest), link: link, now: loop.now,
            mayHear: { _, _, _ in true })
    }

    /// One modern request.
    func ask(_ message: RPCMessage, _ session: ClientSession, _ reply: CollectingReply) async throws {
        guard case .request(let id) = message.kind else { throw Unexpected() }
        let profile = ClientProfile(try RequestEnvelope(message), version: .newest)
        try await endpoint.carryOut(message, id, profile, session, nil, arrival(holder, ""), reply)
    }
}

/// Runs a test on a loop, with a group that ends after it.
func onStage(
    policy: String = Stand.limited, patience: TimeSpan = .seconds(120),
    _ body: @escaping @Sendable (Stand) async throws -> Void
) async throws {
    let group = try EventLoopGroup(count: 1)
    defer { group.stop() }
    let stage = try Stand(group, policy: policy, patience: patience)
    try await Task(executorPreference: stage.loop) { try await body(stage) }.value
}

@Suite struct ParkingTests {
    private static func responses(_ answers: String, _ state: String) -> String {
        #","inputResponses":\#(answers),"requestState":"\#(state)""#
    }

    @Test func aQuestionIsAnInputRequiredResultAndTheRetryGoesOn() async throws {
        try await onStage { stage in
            let link = AskingLink([["elicitation/create"]])
            let session = try stage.session(link)
            let first = CollectingReply()
            try await stage.ask(try stage.modern(1, token: 7), session, first)
            let asked = try first.json()
            #expect(asked["id"]?.int == 1)
            #expect(asked["result"]?["resultType"]?.string == "input_required")
            #expect(asked["result"]?["inputRequests"]?["ask-1"]?["method"]?.string == "elicitation/create")
            #expect(first.notes.count == 1 && first.notes[0].contains(#""progressToken":7"#))
            #expect(stage.endpoint.desk.lot.count == 1)
            // The first request is answered, and what the call holds still counts.
            #expect(stage.endpoint.underWay.size > GatewayOptions.costOfRequest)
            let state = try #require(asked["result"]?["requestState"]?.string)
            let second = CollectingReply()
            let answer = #"{"ask-1":{"action":"accept","content":{"a":"b"}}}"#
            try await stage.ask(try stage.modern(2, Self.responses(answer, state)), session, second)
            let result = try second.json()
            #expect(result["id"]?.int == 2, "the retry's id")
            #expect(result["result"]?["resultType"]?.string == "complete")
            #expect(result["result"]?["structuredContent"]?["a"]?[0]?["content"]?["a"]?.string == "b")
            #expect(link.state.withLock { $0.calls } == 1, "the call was sent once")
            #expect(stage.endpoint.desk.lot.count == 0)
            for _ in 0..<100 where stage.endpoint.underWay.size > 0 { try await stage.loop.sleep(.zero) }
            #expect(stage.endpoint.underWay.size == 0)
            // One call: decision and outcome; one question: decision and outcome.
            let rows = stage.ledger.rows
            #expect(rows.filter { $0.tool == "t" }.count == 1)
            #expect(rows.filter { $0.tool == "client:elicitation" }.count == 1)
            #expect(rows.filter { $0.decision != nil }.count == 2)
            #expect(rows.allSatisfy { $0.outcome == .allowed })
        }
    }

    /// Who attends and does not read: what comes before the answer is dropped from some bytes on, the answer never is.
    @Test func whatWaitsForAnAttendantHasACap() async throws {
        try await onStage { stage in
            let call = ParkedCall(try stage.session(AskingLink([])), lot: stage.endpoint.desk.lot)
            let turn = call.attend()
            func sizes() async -> [Int] {
                call.put(.asked)
                var sizes: [Int] = []
                while case .notification(let bytes) = await call.next(turn) { sizes.append(bytes.count) }
                return sizes
            }
            func put(_ counts: [Int]) {
                for count in counts { call.put(.notification([UInt8](repeating: 0, count: count))) }
            }
            let most = Inbox.maxNotifications.bytes
            put([most / 2, most / 2, 1, most])
            #expect(await call.next(turn).count == most / 2)
            #expect(await sizes() == [most / 2])
            put([2 * most, 1])
            #expect(await call.next(turn).count == 2 * most, "alone it may be of any size")
            put([Int](repeating: 1, count: Inbox.maxNotifications.count + 10))
            call.put(.answer([1, 2, 3], .ok))
            var ones = 0
            while case .notification = await call.next(turn) { ones += 1 }
            #expect(ones == Inbox.maxNotifications.count)
        }
    }

    @Test func severalQuestionsAreAskedUntilAllAreAnswered() async throws {
        try await onStage { stage in
            let link = AskingLink([["elicitation/create", "roots/list"], ["elicitation/create"]])
            let session = try stage.session(link)
            var more = ""
            var id = 0
            var seen: [String] = []
            while id < 10 {
                id += 1
                let reply = CollectingReply()
                try await stage.ask(try stage.modern(id, more, token: id), session, reply)
                let json = try reply.json()
                #expect(json["id"]?.int == Int64(id))
                guard let asked = json["result"]?["inputRequests"] else {
                    #expect(json["result"]?["structuredContent"]?["a"]?.count == 3)
                    break
                }
                for note in reply.notes { #expect(note.contains(#""progressToken":\#(id)"#)) }
                var answers: [String] = []
                for (key, request) in asked.members {
                    let name = key.string ?? ""
                    seen.append(name)
                    let isForm = request["method"]?.string == "elicitation/create"
                    answers.append(#""\#(name)":"# + (isForm ? #"{"action":"decline"}"# : #"{"roots":[]}"#))
                }
                let state = try #require(json["result"]?["requestState"]?.string)
                more = Self.responses("{\(answers.joined(separator: ","))}", state)
            }
            #expect(Set(seen) == ["ask-1", "ask-2", "ask-3"] && seen.count == 3, "each was asked once")
            #expect(link.state.withLock { $0.calls } == 1)
        }
    }

    @Test(arguments: ["{}", #"{"other":{}}"#, #"{"ask-1":{"action":"perhaps"}}"#, #"{"ask-1":{"action":"accept"}}"#])
    func aWrongOrMissingAnswerIsAskedForAgain(answers: String) async throws {
        try await onStage { stage in
            let link = AskingLink([["elicitation/create"]])
            let session = try stage.session(link)
            let first = CollectingReply()
            try await stage.ask(try stage.modern(1), session, first)
            let state = try #require(try first.json()["result"]?["requestState"]?.string)
            let second = CollectingReply()
            try await stage.ask(try stage.modern(2, Self.responses(answers, state)), session, second)
            let again = try second.json()
            #expect(again["result"]?["inputRequests"]?["ask-1"] != nil)
            #expect(link.state.withLock { $0.answers.isEmpty })
            session.end(on: stage.loop)
        }
    }

    @Test func theEndOfTheSessionEndsWhatIsParked() async throws {
        try await onStage { stage in
            let link = AskingLink([["elicitation/create"]])
            let session = try stage.session(link)
            let first = CollectingReply()
            try await stage.ask(try stage.modern(1), session, first)
            let state = try #require(try first.json()["result"]?["requestState"]?.string)
            session.end(on: stage.loop)
            #expect(link.state.withLock { $0.cancelled } == 1, "the server is told")
            #expect(stage.endpoint.desk.lot.count == 0)
            let second = CollectingReply()
            try await stage.ask(try stage.modern(2, Self.responses("{}", state)), session, second)
            #expect(try second.json()["error"]?["code"]?.int == -32_602)
        }
    }

    @Test func whatNobodyComesBackForExpires() async throws {
        try await onStage(patience: .milliseconds(20)) { stage in
            let link = AskingLink([["elicitation/create"]])
            let session = try stage.session(link)
            try await stage.ask(try stage.modern(1), session, CollectingReply())
            #expect(stage.endpoint.desk.lot.count == 1)
            while stage.endpoint.desk.lot.count > 0 { try await stage.loop.sleep(.milliseconds(5)) }
            #expect(link.state.withLock { $0.cancelled } == 1)
            while stage.ledger.rows.filter({ $0.decision != nil }).count < 2 { await Task.yield() }
            #expect(stage.ledger.rows.filter { $0.outcome == .error }.count == 2, "the call and the question")
        }
    }

    @Test func aClientThatGoesAwayCancels() async throws {
        try await onStage { stage in
            let link = AskingLink([["elicitation/create"], ["elicitation/create"]])
            let session = try stage.session(link)
            let parked = ParkedCall(session, lot: ParkingLot())
            let counter = Counter()
            parked.onCancel { counter.add() }
            let turn = parked.attend()
            parked.lose(turn + 1)
            #expect(counter.value == 0, "another request's client")
            let next = parked.attend()
            parked.lose(turn)
            #expect(counter.value == 0, "a request that attends no more")
            parked.lose(next)
            #expect(counter.value == 1)
        }
    }

    @Test func anotherSessionsTokenFindsNothing() async throws {
        try await onStage { stage in
            let session = try stage.session(AskingLink([["elicitation/create"]]))
            let first = CollectingReply()
            try await stage.ask(try stage.modern(1), session, first)
            let state = try #require(try first.json()["result"]?["requestState"]?.string)
            let other = try stage.session(AskingLink([]))
            let second = CollectingReply()
            let answer = #"{"ask-1":{"action":"accept","content":{}}}"#
            try await stage.ask(try stage.modern(2, Self.responses(answer, state)), other, second)
            #expect(try second.json()["error"]?["code"]?.int == -32_602)
            #expect(stage.endpoint.desk.lot.count == 1, "the call still waits for its own client")
            session.end(on: stage.loop)
        }
    }

    @Test func whatThePolicyDoesNotListIsRefusedToTheServer() async throws {
        let policy = #"{"version":"1","default":"deny","tools":{"t":{},"client:roots":{}}}"#
        try await onStage(policy: policy) { stage in
            let link = AskingLink([["elicitation/create"]])
            let session = try stage.session(link)
            let reply = CollectingReply()
            try await stage.ask(try stage.modern(1), session, reply)
            #expect(try reply.json()["result"]?["resultType"]?.string == "complete")
            #expect(link.state.withLock { $0.answers.first?.contains("-326") } == true)
            #expect(stage.endpoint.desk.lot.count == 0)
        }
    }

    @Test(arguments: [true, false])
    func whatTheClientLacksIsToldOnlyIfTheServerCannotDoWithout(isFatal: Bool) async throws {
        try await onStage { stage in
            let link = FakeLink { id, request throws(UpstreamError) in
                if request.method == "tools/list" {
                    let list = #"{"jsonrpc":"2.0","id":\#(id),"result":{"tools":[{"name":"t"}]}}"#
                    return .response(try Scene.message(list), status: 200)
                }
                let end = isFatal ? #""error":{"code":-32603,"message":"no"}"# : #""result":{"content":[]}"#
                return .stream(
                    ScriptedStream([
                        try Scene.message(#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#),
                        try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),\#(end)}"#),
                    ]))
            }
            let session = try stage.session(link)
            let reply = CollectingReply()
            try await stage.ask(try stage.modern(1), session, reply)
            let json = try reply.json()
            #expect((json["result"] != nil) == !isFatal)
            #expect(json["error"]?["code"]?.int == (isFatal ? -32_021 : nil))
            #expect((json["error"]?["data"]?["requiredCapabilities"]?["sampling"] != nil) == isFatal)
        }
    }

    @Test func thereIsRoomForSixteenOfASession() async throws {
        try await onStage { stage in
            let session = try stage.session(AskingLink([]))
            let lot = ParkingLot()
            let calls = (0..<17).map { _ in ParkedCall(session, lot: lot) }
            let tokens = calls.map { lot.add($0) }
            #expect(tokens.compactMap { $0 }.count == 16)
            #expect(tokens.last == .some(nil))
            lot.remove(try #require(tokens[0]))
            #expect(lot.add(calls[16]) != nil)
            let counter = Counter()
            for call in calls { call.onCancel { counter.add() } }
            lot.close()
            #expect(counter.value == 16, "all but the one that was taken out")
        }
    }
}

@Suite struct URLRequiredTests {
    /// Clients read the number in a text, too, and the double that is nearest.
    @Test(
        arguments: [true, false],
        ["-32042", "-3.2042e4", "-32042.0000000000000000001", #""-32042""#, #"" -32_042 ""#, "null"])
    func error32042BecomesAVisit(isListed: Bool, code: String) async throws {
        let policy = isListed ? Stand.limited : #"{"version":"1","default":"deny","tools":{"t":{}}}"#
        try await onStage(policy: policy) { stage in
            let link = FakeLink { id, request throws(UpstreamError) in
                let text =
                    request.method == "tools/list"
                    ? #"{"jsonrpc":"2.0","id":\#(id),"result":{"tools":[{"name":"t"}]}}"#
                    : #"{"jsonrpc":"2.0","id":\#(id),"error":{"code":\#(code),"message":"m","data":{"elicitations":[{"mode":"url","url":"https://e/","message":"m","elicitationId":"1"}]}}}"#
                return .response(try Scene.message(text), status: 200)
            }
            let session = try stage.session(link)
            let message = try Scene.message(
                #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":{}}}}}}"#
            )
            let reply = CollectingReply()
            try await stage.ask(message, session, reply)
            let json = try reply.json()
            guard isListed else {
                #expect(json["error"]?["code"]?.int == Int64(RPCErrorCode.denied.rawValue))
                return
            }
            #expect(json["result"]?["resultType"]?.string == "input_required")
            let request = json["result"]?["inputRequests"]?["url-1"]
            #expect(request?["params"]?["url"]?.string == "https://e/")
            #expect(request?["params"]?["elicitationId"] == nil)
            #expect(json["result"]?["requestState"]?.string != nil)
        }
    }
}

extension ParkedCall.Word {
    /// Bytes of a notification; nil of anything else.
    fileprivate var count: Int? { if case .notification(let bytes) = self { bytes.count } else { nil } }
}
