import Base
import JSON
import MCP
import Policy
import Store
import Synchronization
import Testing

@testable import Gateway

/// The journey of one call, step by step, with a scripted server and a ledger in memory.
@Suite struct JourneyTests {
    private func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }

    @Test func aPermittedCallIsRecordedForwardedAndAnswered() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop)
            let forwarded = try #require(try await scene.run())
            let answer = try JSONDocument.parse(try #require(forwarded.answer)).root
            #expect(answer["id"]?.string == "c1")
            #expect(answer["result"]?["_meta"]?["sluice/limits"]?[0]?["remaining"]?.int == 0)
            #expect(scene.ledger.rows.map(\.outcome) == [.allowed, .allowed])
            let decision = scene.ledger.rows[0]
            #expect(decision.argumentKeys.sorted() == ["a", "b"])
            #expect(decision.argumentDigest != nil)
            #expect(decision.reservations != nil)
            #expect(scene.ledger.rows[1].decision == 1)
            #expect(!scene.ledger.rows[1].isReleased)
        }
    }

    @Test func theSecondCallFindsTheLimitFull() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop)
            _ = try await scene.run()
            #expect(try await scene.run(at: Scene.start + .seconds(59)) == nil)
            let row = try #require(scene.ledger.rows.last)
            #expect(row.outcome == .denied)
            #expect(row.rule == "/tools/t/limits/0")
            #expect(scene.link.state.withLock { $0.sent.count } == 2, "tools/list and one call")
        }
    }

    @Test(arguments: [
        (UpstreamError.Code.unreachable, false), (.lost, true), (.timeout, true), (.refused, false), (.broken, true),
    ])
    func quotaComesBackOnlyIfNothingRan(code: UpstreamError.Code, mayHaveRun: Bool) async throws {
        try await withLoop { loop in
            let scene = try Scene(loop) { _, _ throws(UpstreamError) in
                throw UpstreamError(code, mayHaveRun: mayHaveRun, detail: "as scripted")
            }
            let first = try #require(try await scene.run())
            #expect(first.answer == nil)
            #expect(first.isReleased == !mayHaveRun)
            let second = try await scene.run()
            #expect((second != nil) == !mayHaveRun)
            #expect(scene.ledger.rows.filter(\.isReleased).isEmpty == mayHaveRun)
        }
    }

    @Test func aJSONRPCErrorGivesQuotaBackAndIsErrorDoesNot() async throws {
        try await withLoop { loop in
            let failing = try Scene(loop) { id, _ throws(UpstreamError) in
                .response(
                    try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),"error":{"code":-32602,"message":"m"}}"#),
                    status: 200)
            }
            let error = try #require(try await failing.run())
            #expect(error.isReleased)
            #expect(text(error.answer) == #"{"jsonrpc":"2.0","id":"c1","error":{"code":-32602,"message":"m"}}"#)
            let unhappy = try Scene(loop) { id, _ throws(UpstreamError) in
                .response(
                    try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),"result":{"content":[],"isError":true}}"#),
                    status: 200)
            }
            #expect(try #require(try await unhappy.run()).isReleased == false)
            #expect(try await unhappy.run() == nil)
        }
    }

    @Test func aDecisionThatCannotBeRecordedForwardsNothingAndTakesNoQuota() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop)
            scene.ledger.fail(StoreError(.full, "the disk is full", help: "make room"))
            await #expect(throws: StoreError.self) { try await scene.run() }
            #expect(scene.link.state.withLock { $0.sent.count } == 1, "only tools/list")
            scene.ledger.fail(nil)
            #expect(try await scene.run() != nil)
        }
    }

    @Test func hiddenAndUnknownToolsLookTheSame() async throws {
        try await withLoop { loop in
            let hidden = try Scene(
                loop, policy: #"{"version":"1","default":"allow","hide":["x"]}"#, tool: "x", tools: ["x"])
            let unknown = try Scene(loop, policy: #"{"version":"1","default":"allow"}"#, tool: "x", tools: ["t"])
            var seen: [String] = []
            for scene in [hidden, unknown] {
                guard
                    case .refused(let refusal) = try await scene.judge.judge(
                        scene.errand, scene.visit, clock: { Scene.start })
                else { throw Unexpected() }
                seen.append(refusal.text + refusal.meta(requestID: "r").text)
            }
            #expect(seen[0] == seen[1])
        }
    }

    @Test func aGrantThatEndedWhileTheCallWaitedIsRefused() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop)
            let judge = Judge(quotas: scene.quotas, pins: Scene.pins) { _, _ in nil }
            guard case .refused(let refusal) = try await judge.judge(scene.errand, scene.visit, clock: { Scene.start })
            else { throw Unexpected() }
            #expect(refusal.rule == "(grant ended)")
        }
    }

    @Test func aCallThatWasCancelledBeforeItWasSentIsNotSent() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop)
            guard
                case .permitted(let permit) = try await scene.judge.judge(
                    scene.errand, scene.visit, clock: { Scene.start })
            else { throw Unexpected() }
            let recorded = try await scene.recorder.record(permit, scene.errand, scene.visit, now: Scene.start)
            let handle = CallHandle()
            handle.cancel()
            let forwarded = await scene.forwarder.forward(
                recorded, scene.errand, scene.visit, handle: handle
            ) { _ in true }
            #expect(forwarded.failure?.code == .cancelled)
            #expect(forwarded.isReleased)
            #expect(scene.link.state.withLock { $0.sent.count } == 1, "only tools/list")
        }
    }

    @Test func aMissingPolicyDenies() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop, policy: "{}")
            #expect(try await scene.run() == nil)
            #expect(scene.ledger.rows.last?.rule == "(no policy)")
        }
    }

    @Test func progressComesBackWithTheClientsTokenAndOnlyItsOwn() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop, progressToken: #""p""#) { id, request throws(UpstreamError) in
                let messages = [
                    #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":\#(id),"progress":1}}"#,
                    #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":2}}"#,
                    #"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#,
                    #"{"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{}}"#,
                    #"{"jsonrpc":"2.0","id":\#(id),"result":{"content":[]}}"#,
                ]
                return .stream(
                    ScriptedStream(try messages.map { text throws(UpstreamError) in try Scene.message(text) }))
            }
            let relayed = Collected()
            let forwarded = try #require(try await scene.run { relayed.add($0) })
            #expect(
                relayed.texts == [
                    #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#,
                    #"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#,
                ])
            #expect(forwarded.answer != nil)
            let posted = scene.link.state.withLock { $0.posted }
            #expect(posted.count == 1)
            #expect(text(posted.first).contains("-32601"))
            #expect(text(scene.link.state.withLock { $0.sent.last }).contains(#""progressToken":10"#))
        }
    }

    @Test func anAnswerWithAnotherRequestsIDIsBroken() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop) { id, _ throws(UpstreamError) in
                .stream(ScriptedStream([try Scene.message(#"{"jsonrpc":"2.0","id":\#(id + 1),"result":{}}"#)]))
            }
            let forwarded = try #require(try await scene.run())
            #expect(forwarded.failure?.code == .broken)
            #expect(!forwarded.isReleased)
        }
    }

    @Test func countersAreRebuiltFromTheLedger() async throws {
        try await withLoop { loop in
            let scene = try Scene(loop)
            _ = try await scene.run()
            let restarted = Quotas()
            try restarted.restore(from: scene.ledger, longestWindow: .minutes(1), now: Scene.start + .seconds(10))
            let judge = Scene.judge(restarted)
            switch try await judge.judge(scene.errand, scene.visit, clock: { Scene.start + .seconds(10) }) {
            case .permitted: Issue.record("a restart gave quota back")
            case .undecided: Issue.record("the counters did not answer")
            case .refused(let refusal): #expect(refusal.rule == "/tools/t/limits/0")
            }
        }
    }

    @Test func aDamagedReservationStopsTheStart() async throws {
        let ledger = FakeLedger()
        var row = LedgerRow(time: Scene.start, requestID: "r", outcome: .allowed)
        row.reservations = "no reservation"
        ledger.append(row, completion: nil)
        #expect(throws: StoreError.self) {
            try Quotas().restore(from: ledger, longestWindow: .minutes(1), now: Scene.start)
        }
    }
}

/// Texts in the order they came, on one loop.
final class Collected {
    private(set) var texts: [String] = []
    func add(_ bytes: [UInt8]) { texts.append(String(decoding: bytes, as: UTF8.self)) }
}
