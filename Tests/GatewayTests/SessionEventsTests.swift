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
        #expect(sink.sent.count == 256 && sink.sent.first == "\(stream)-746 745", "what is left")
        _ = events.note(bytes("end"), on: stream, isLast: true)
        #expect(sink.sent.count == 257)
        #expect(!events.isOver(first), "what is left can be had, the answer before all")
        let late = ListSink()
        #expect(events.resume(after: first, late))
        #expect(late.sent.count == 256 && late.sent.last == "\(stream)-1002 end" && late.isClosed)
    }

    // MARK: All sessions together

    @Test func theOldestEventsOfAGrantGoFirst() throws {
        let budget = EventBudget(capacity: 10 * 164)
        let all = (0..<5).map { _ in SessionEvents(budget: budget.share(of: "one")) }
        let streams = all.map { $0.beginAnswer() }
        let hundred = [UInt8](repeating: 120, count: 100)
        for _ in 0..<2 {
            for (events, stream) in zip(all, streams) { _ = events.note(hundred, on: stream) }
        }
        #expect(budget.size == 10 * 164)
        _ = all[4].note(hundred, on: streams[4], isLast: true)
        #expect(budget.size == 10 * 164)
        #expect(!all[0].keeps(1) && all[1].keeps(1) && all[4].keeps(1))
        for _ in 0..<100 { _ = all[3].note(hundred, on: streams[3]) }
        #expect(budget.size == 10 * 164)
        #expect(!all[0].keeps(2) && !all[1].keeps(2) && !all[4].keeps(3))
        let sink = ListSink()
        #expect(all[4].isOver(EventID(stream: streams[4], number: 1)), "its answer was forgotten")
        #expect(!all[4].resume(after: EventID(stream: 99, number: 1), sink))
        #expect(all[0].resume(after: EventID(stream: streams[0], number: 1), sink), "its call still runs")
        #expect(sink.sent.isEmpty)
    }

    @Test func aGrantsTrafficPushesOutNobodyElsesEvents() throws {
        let budget = EventBudget(capacity: 10 * 164)
        func session(_ grant: String) -> (events: SessionEvents, stream: UInt64) {
            let events = SessionEvents(budget: budget.share(of: grant))
            return (events, events.beginAnswer())
        }
        let hundred = [UInt8](repeating: 120, count: 100)
        let quiet = session("quiet")
        for _ in 0..<3 { _ = quiet.events.note(hundred, on: quiet.stream) }
        let loud = (0..<4).map { _ in session("loud") }
        for turn in 0..<100 { _ = loud[turn % 4].events.note(hundred, on: loud[turn % 4].stream) }
        #expect(budget.size == 10 * 164)
        #expect(quiet.events.keeps(1), "it came first, and is still there")
        // Who comes later gets a fair part of what another has taken.
        let late = session("late")
        for _ in 0..<4 { _ = late.events.note(hundred, on: late.stream) }
        #expect(late.events.keeps(1) && quiet.events.keeps(1))
        for _ in 0..<100 { _ = late.events.note(hundred, on: late.stream) }
        #expect(budget.size == 10 * 164)
        #expect(quiet.events.keeps(1))
        #expect(loud.contains { session in (1...25).contains { session.events.keeps($0) } })
    }

    @Test func endedSessionsAndStreamsGiveTheirShareBack() throws {
        let budget = EventBudget(capacity: 1 << 20)
        do {
            let events = SessionEvents(.november2025, budget: budget.share(of: "one"))
            let stream = events.beginAnswer()
            #expect(events.prime(stream) == EventID(stream: stream, number: 1))
            _ = events.note(bytes("four"), on: stream)
            #expect(budget.size == 2 * 64 + 4)
            events.abandon(stream)
            #expect(budget.size == 0)
            _ = events.note(bytes("more"), on: events.beginAnswer())
            #expect(budget.size == 68)
        }
        #expect(budget.size == 0)
        // More than what is cleaned at once, from sessions that are gone.
        for _ in 0..<5_000 {
            let events = SessionEvents(budget: budget.share(of: "one"))
            _ = events.note([1], on: events.beginAnswer())
        }
        #expect(budget.size == 0)
    }

    @Test func manyThreadsKeepTheCap() async {
        let budget = EventBudget(capacity: 50_000)
        await withTaskGroup(of: Void.self) { group in
            for grant in 0..<8 {
                group.addTask {
                    for round in 0..<20 {
                        let events = SessionEvents(budget: budget.share(of: "\(grant / 2 + round % 3)"))
                        let stream = events.beginAnswer()
                        for size in 0..<200 { _ = events.note([UInt8](repeating: 1, count: size * 7), on: stream) }
                        events.abandon(stream)
                    }
                }
            }
        }
        #expect(budget.size == 0)
    }
}
