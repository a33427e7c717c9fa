import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization
import Testing

@testable import Gateway

/// A body that consists of these pieces, and then ends or breaks.
private final class ScriptedBody: EventBody {
    private let pieces: Mutex<[[UInt8]]>
    private let error: HTTPClientError?
    private let cancels = Atomic<Int>(0)
    var isCancelled: Bool { cancels.load(ordering: .relaxed) > 0 }

    init(_ pieces: [String], breaks: Bool = false) {
        self.pieces = Mutex(pieces.map { Array($0.utf8) })
        error = breaks ? HTTPClientError(.connectionLost, .fateUnknown, "it broke") : nil
    }

    func next() async throws(HTTPClientError) -> [UInt8]? {
        if let piece = pieces.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return piece }
        if let error { throw error }
        return nil
    }

    func cancel() { cancels.add(1, ordering: .relaxed) }
}

@Suite struct HTTPEventsTests {
    private static let ok = #"{"jsonrpc":"2.0","id":1,"result":{}}"#
    private static let note = #"{"jsonrpc":"2.0","method":"notifications/message"}"#

    private static func events(
        _ body: ScriptedBody, to id: Int64? = 1, maxEvent: Int = 4_096, _ loop: EventLoop, handle: CallHandle? = nil,
        resume: HTTPEvents.Resume? = nil
    ) -> HTTPEvents {
        HTTPEvents(
            body, status: 200, to: id, maxEvent: maxEvent, on: loop, limits: nil, pass: nil, handle: handle,
            resume: resume)
    }

    private func onLoop(_ body: @escaping @Sendable (EventLoop) async throws -> Void) async throws {
        try await withLoop { loop in try await Task(executorPreference: loop) { try await body(loop) }.value }
    }

    @Test func messagesInOrderUpToTheResponse() async throws {
        try await onLoop { loop in
            let body = ScriptedBody([
                ": hello\n\nid: 1\ndata:\n\ndata: \(Self.note)\n", "\nevent: other\ndata: junk\n\n",
                "event: message\ndata: \(Self.ok)\n\ndata: \(Self.note)\n\n",
            ])
            let events = Self.events(body, loop)
            #expect(try await events.next().method == "notifications/message")
            guard case .response = try await events.next().kind else { throw Unexpected() }
            #expect(events.lastEventID == "1")
            #expect(events.status == 200)
        }
    }

    @Test func responsesToOthersArePassedOver() async throws {
        try await onLoop { loop in
            let other = #"data: {"jsonrpc":"2.0","id":2,"result":{}}"# + "\n\n"
            let text = #"data: {"jsonrpc":"2.0","id":"1","result":{}}"# + "\n\n"
            let events = Self.events(ScriptedBody([other, text, "data: \(Self.ok)\n\n"]), loop)
            #expect(try await events.next().document.root["id"]?.int == 1)
            // An error without an id can only be about our request.
            let error = #"data: {"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"# + "\n\n"
            guard
                case .response(nil, isError: true) = try await Self.events(ScriptedBody([other, error]), loop).next()
                    .kind
            else { throw Unexpected() }
        }
    }

    @Test(arguments: [
        (["data: {\n\n"], UpstreamError.Code.broken), (["data: [1]\n\n"], .broken), ([], .lost),
        (["data: {\"jsonrpc\"\n"], .lost), ([String(repeating: "data: 0123456789\n", count: 1_000)], .tooLarge),
    ])
    func whatIsNoAnswerIsAnError(pieces: [String], code: UpstreamError.Code) async throws {
        try await onLoop { loop in
            let events = Self.events(ScriptedBody(pieces), loop)
            do throws(UpstreamError) {
                _ = try await events.next()
                Issue.record("something came")
            } catch {
                #expect(error.code == code && error.mayHaveRun && error.status == 200)
            }
        }
    }

    @Test(arguments: [true, false])
    func aStreamThatEndsOrBreaksGoesOnAfterItsLastEvent(breaks: Bool) async throws {
        try await onLoop { loop in
            let asked = Mutex<[String]>([])
            let first = ScriptedBody(["retry: 0\nid: a-1\ndata: \(Self.note)\n\nid: a-2\ndata: half"], breaks: breaks)
            let events = Self.events(first, loop) { last in
                asked.withLock { $0.append(last) }
                // Half an event of the old stream is no part of the new one.
                return ScriptedBody(["id: a-2\ndata: \(Self.ok)\n\n"])
            }
            #expect(try await events.next().method == "notifications/message")
            guard case .response = try await events.next().kind else { throw Unexpected() }
            #expect(asked.withLock { $0 } == ["a-1"])
            #expect(events.lastEventID == "a-2")
        }
    }

    @Test func withoutNumbersNobodyComesBack() async throws {
        try await onLoop { loop in
            let count = Counter()
            let events = Self.events(ScriptedBody(["data: \(Self.note)\n\n"]), loop) { _ in
                count.add()
                return nil
            }
            _ = try await events.next()
            await #expect(throws: UpstreamError.self) { try await events.next() }
            #expect(count.value == 0)
        }
    }

    @Test func comesBackFiveTimesInVainAndNoMore() async throws {
        try await onLoop { loop in
            let count = Counter()
            let events = Self.events(ScriptedBody(["retry: 0\nid: 1\ndata: \(Self.note)\n\n"]), loop) { _ in
                count.add()
                return nil
            }
            _ = try await events.next()
            await #expect(throws: UpstreamError.self) { try await events.next() }
            #expect(count.value == 5)
        }
    }

    @Test func everyEventGivesNewAttempts() async throws {
        try await onLoop { loop in
            let count = Counter()
            let events = Self.events(ScriptedBody(["retry: 0\nid: 0\ndata: \(Self.note)\n\n"]), loop) { last in
                count.add()
                let next = (Int(last) ?? 0) + 1
                return ScriptedBody(["id: \(next)\ndata: \(next < 20 ? Self.note : Self.ok)\n\n"])
            }
            for _ in 0..<20 { #expect(try await events.next().method == "notifications/message") }
            guard case .response = try await events.next().kind else { throw Unexpected() }
            #expect(count.value == 20)
        }
    }

    @Test func cancellingEndsTheStreamThatWasFoundLate() async throws {
        try await onLoop { loop in
            let late = ScriptedBody(["data: \(Self.ok)\n\n"])
            let first = ScriptedBody(["retry: 0\nid: 1\ndata: \(Self.note)\n\n"])
            let held = Mutex<HTTPEvents?>(nil)
            let events = Self.events(first, loop) { _ in
                held.withLock { $0 }?.cancel()
                return late
            }
            held.withLock { $0 = events }
            _ = try await events.next()
            _ = try? await events.next()
            #expect(first.isCancelled && late.isCancelled)
            held.withLock { $0 = nil }
        }
    }

    @Test func theResponseMakesCancellingMeaningless() async throws {
        try await onLoop { loop in
            let (handle, count) = (CallHandle(), Counter())
            let events = Self.events(ScriptedBody(["data: \(Self.ok)\n\n"]), loop, handle: handle)
            handle.onCancel { count.add() }
            _ = try await events.next()
            handle.cancel()
            #expect(count.value == 0)
        }
    }
}
