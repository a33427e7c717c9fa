import MCP
import Support
import Testing

@Suite struct EventTests {
    @Test(
        arguments: [
            ("1-1", EventID(stream: 1, number: 1)), ("0-0", EventID(stream: 0, number: 0)),
            ("18446744073709551615-2", EventID(stream: .max, number: 2)), ("18446744073709551616-2", nil), ("", nil),
            ("-", nil),
            ("1", nil), ("1-", nil), ("-1", nil), ("1-1-1", nil), ("01-1", nil), ("1-01", nil), ("+1-1", nil),
            (" 1-1", nil),
            ("1-1\n", nil), ("a-1", nil), ("1-é", nil), ("99999999999999999999999-1", nil),
        ] as [(String, EventID?)])
    func readsOnlyItsOwnIDs(text: String, id: EventID?) {
        #expect(EventID(text) == id)
        if let id { #expect(id.description == text) }
    }

    private func missed(_ history: EventHistory, after id: EventID) -> [String]? {
        guard case .events(let events) = history.replay(after: id) else { return nil }
        #expect(events.map(\.id.number) == events.map(\.id.number).sorted())
        return events.map { String(decoding: $0.message, as: UTF8.self) }
    }

    @Test func onlyTheSameStreamIsReplayed() {
        var history = EventHistory()
        let a = history.append(stream: 1)
        let b = history.append(stream: 2)
        _ = history.append(Array("a1".utf8), stream: 1)
        let b1 = history.append(Array("b1".utf8), stream: 2)
        let a2 = history.append(Array("a2".utf8), stream: 1)
        #expect(missed(history, after: a) == ["a1", "a2"])
        #expect(missed(history, after: b) == ["b1"])
        #expect(missed(history, after: b1) == [])
        #expect(missed(history, after: a2) == [])
        #expect(missed(history, after: EventID(stream: 3, number: 1)) == nil)
        #expect(missed(history, after: EventID(stream: 1, number: 99)) == nil)
        history.end(stream: 1)
        #expect(missed(history, after: a) == nil)
        #expect(missed(history, after: b) == ["b1"])
    }

    @Test func whatIsForgottenIsLost() {
        var history = EventHistory(maximumEvents: 3, maximumBytes: 1_000)
        let ids = (0..<5).map { history.append([UInt8($0)], stream: 1) }
        #expect(missed(history, after: ids[0]) == nil)
        #expect(missed(history, after: ids[1])?.count == 3)
        let large = history.append([UInt8](repeating: 0, count: 2_000), stream: 1)
        #expect(missed(history, after: ids[4]) == nil)
        #expect(missed(history, after: large) == [])
    }

    /// Against a history that forgets nothing.
    @Test(arguments: 0..<10) func neverWrongWhateverHappens(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var history = EventHistory(maximumEvents: 8, maximumBytes: 60)
        var all: [(id: EventID, message: [UInt8])] = []
        var ended: Set<UInt64> = []
        for _ in 0..<400 {
            let stream = UInt64(random.below(12))
            if random.oneIn(30) {
                history.end(stream: stream)
                ended.insert(stream)
            } else if !ended.contains(stream) {
                let message = random.bytes(random.below(20))
                all.append((history.append(message, stream: stream), message))
            }
            guard !all.isEmpty else { continue }
            let last = random.pick(all).id
            guard case .events(let events) = history.replay(after: last) else { continue }
            let expected = all.filter { $0.id.stream == last.stream && $0.id.number > last.number }
            #expect(events.map(\.id) == expected.map(\.id))
            #expect(events.map(\.message) == expected.map(\.message))
        }
        #expect(Set(all.map(\.id)).count == all.count)
    }
}
