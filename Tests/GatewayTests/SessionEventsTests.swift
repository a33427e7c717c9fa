import MCP
import Synchronization
import Testing

@testable import Gateway

/// A stream that keeps what was sent.
final class ListSink: EventSink {
    private let state = Mutex<(sent: [String], isEnded: Bool)>(([], false))

    var sent: [String] { state.withLock { $0.sent } }
    var isClosed: Bool { state.withLock { $0.isEnded } }
    func send(_ message: [UInt8]) { send(message, id: "") }
    func send(_ message: [UInt8], id: String) {
        let text = "\(id) " + String(decoding: message, as: UTF8.self)
        state.withLock { $0.sent.append(text) }
    }
    func end() { state.withLock { $0.isEnded = true } }
}

@Suite struct SessionEventsTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func anAnswersStreamIsTakenOverWhereItBroke() throws {
        let events = SessionEvents()
        let stream = events.beginAnswer()
        let prime = try #require(events.note([], on: stream))
        let first = try #require(events.note(bytes("one"), on: stream))
        _ = events.note(bytes("two"), on: stream)
        let sink = ListSink()
        #expect(!events.isOver(first))
        #expect(events.resume(after: first, sink))
        #expect(sink.sent == ["\(stream)-3 two"])
        #expect(events.note(bytes("three"), on: stream) == nil, "its own connection has nothing to write any more")
        #expect(events.note(bytes("four"), on: stream, isLast: true) == nil)
        #expect(sink.sent == ["\(stream)-3 two", "\(stream)-4 three", "\(stream)-5 four"])
        #expect(sink.isClosed)
        // After its end everything can be had once more, even by those who got nothing but the priming event.
        let late = ListSink()
        #expect(!events.isOver(prime))
        #expect(events.resume(after: prime, late))
        #expect(late.sent.count == 4 && late.isClosed)
        let all = EventID(stream: stream, number: 5)
        #expect(events.isOver(all), "nothing is left")
    }

    @Test func streamsDoNotMix() throws {
        let events = SessionEvents()
        let (a, b) = (events.beginAnswer(), events.beginAnswer())
        let first = try #require(events.note(bytes("a1"), on: a))
        _ = events.note(bytes("b1"), on: b)
        _ = events.note(bytes("a2"), on: a, isLast: true)
        let sink = ListSink()
        #expect(events.resume(after: first, sink))
        #expect(sink.sent == ["\(a)-3 a2"])
    }

    @Test func aCancelledStreamIsOver() throws {
        let events = SessionEvents()
        let stream = events.beginAnswer()
        let first = try #require(events.note(bytes("a"), on: stream))
        let sink = ListSink()
        #expect(events.resume(after: first, sink))
        events.abandon(stream)
        #expect(sink.isClosed)
        #expect(events.isOver(first))
        #expect(!events.resume(after: first, ListSink()))
    }

    @Test func aStandingStreamGoesOnUnderItsNumber() throws {
        let events = SessionEvents()
        let sink = ListSink()
        let number = events.beginStanding(sink)
        let stream = StandingStream(events, number, sink)
        stream.send(bytes("one"))
        sink.end()
        stream.send(bytes("two"))
        let last = EventID(stream: number, number: 1)
        #expect(!events.isOver(last) && !SessionEvents.isAnswer(last))
        let again = ListSink()
        #expect(events.resume(after: last, again))
        #expect(again.sent == ["\(number)-2 two"])
        stream.end()
        StandingStream(events, number, again).send(bytes("three"))
        #expect(again.sent.last == "\(number)-3 three", "the old connection's end is not the stream's")
        #expect(!events.resume(after: EventID(stream: 98, number: 1), ListSink()), "nobody's")
    }

    @Test func theCapIsKept() throws {
        let events = SessionEvents()
        let stream = events.beginAnswer()
        let first = try #require(events.note(bytes("0"), on: stream))
        for number in 1...1_000 { _ = events.note(bytes("\(number)"), on: stream) }
        let sink = ListSink()
        #expect(events.resume(after: first, sink), "the call still runs: it goes on from now")
        #expect(sink.sent.isEmpty)
        _ = events.note(bytes("end"), on: stream, isLast: true)
        #expect(sink.sent.count == 1)
        #expect(events.isOver(first), "what is forgotten is not made good")
    }
}
