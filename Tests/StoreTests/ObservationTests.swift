import Base
import Store
import StoreSQLite
import Testing

@Suite struct ObservationTests {
    private static func hash(_ text: String) throws -> ArgumentDigest {
        try #require(ArgumentDigest(bytes: Array(repeating: text.utf8.first ?? 0, count: 32)))
    }

    private static func seen(_ tool: String?, _ text: String, isRepeated: Bool = false) throws -> SeenText {
        SeenText(tool: tool, hash: try hash(text), definition: Array(text.utf8), isRepeated: isRepeated)
    }

    private static func at(_ second: Int64) -> Instant { Instant(microseconds: second * 1_000_000) }

    private func fixture() throws -> Fixture {
        let fixture = try Fixture()
        try fixture.configuration.addServer(Fixture.server("a"))
        return fixture
    }

    private static func lines(_ fixture: Fixture) throws -> [String] {
        try #require(try fixture.configuration.observations().first).texts.map { text in
            func second(_ time: Instant) -> String { String(time.microseconds / 1_000_000) }
            let approval =
                switch text.approval {
                case .none: "none"
                case .same: "same"
                case .other(let old, let new):
                    "\(String(decoding: old, as: UTF8.self))>\(String(decoding: new, as: UTF8.self))"
                }
            return "\(text.tool ?? "-") \(second(text.since)) \(second(text.changed)) \(text.gone.map(second) ?? "-") "
                + "\(text.isRepeated ? "twice" : "once") \(approval)"
        }
    }

    @Test func timesSayWhatHappenedWhen() throws {
        let fixture = try fixture()
        let configuration = fixture.configuration
        #expect(try configuration.observations() == [ObservedServer(name: "a", seen: nil, onChange: nil, texts: [])])
        let before = configuration.currentGeneration()
        try configuration.observe(
            "a", [Self.seen(nil, "i"), Self.seen("read", "1"), Self.seen("write", "1")], at: Self.at(1))
        #expect(try Self.lines(fixture) == ["- 1 1 - once none", "read 1 1 - once none", "write 1 1 - once none"])
        try configuration.observe(
            "a", [Self.seen(nil, "i"), Self.seen("read", "2"), Self.seen("send", "1", isRepeated: true)], at: Self.at(2)
        )
        // Nobody had approved what is gone, so it leaves no trace.
        #expect(try Self.lines(fixture) == ["- 1 1 - once none", "read 1 2 - once none", "send 2 2 - twice none"])
        try configuration.observe(
            "a", [Self.seen(nil, "i"), Self.seen("read", "2"), Self.seen("send", "1")], at: Self.at(3))
        #expect(try Self.lines(fixture).last == "send 2 2 - once none", "that it is listed once now is no other text")
        #expect(configuration.currentGeneration() == before, "nothing that calls are judged by")
        #expect(try configuration.observations().first?.seen == Self.at(3))
    }

    @Test func itIsHeldAgainstThePins() throws {
        let fixture = try fixture()
        let configuration = fixture.configuration
        func pin(_ tool: String?, _ text: String) throws -> Pin {
            Pin(tool: tool, hash: try Self.hash(text), definition: Array(text.utf8))
        }
        try configuration.pin("a", onChange: .refuse, [pin(nil, "i"), pin("read", "1"), pin("write", "1")])
        // Never asked: it is taken for what was approved.
        var server = try #require(try configuration.observations().first)
        #expect(server.seen == nil && server.onChange == .refuse)
        #expect(server.texts.map(\.approval) == [.same, .same, .same] && server.texts.allSatisfy { $0.gone == nil })
        try configuration.observe(
            "a", [Self.seen(nil, "j"), Self.seen("read", "2"), Self.seen("new", "1")], at: Self.at(4))
        let lines = try Self.lines(fixture)
        #expect(Array(lines[0..<3]) == ["- 4 4 - once i>j", "new 4 4 - once none", "read 4 4 - once 1>2"])
        server = try #require(try configuration.observations().first)
        #expect(server.texts.last?.tool == "write" && server.texts.last?.gone != nil)
        // It was there, and goes.
        try configuration.observe(
            "a", [Self.seen(nil, "i"), Self.seen("read", "1"), Self.seen("write", "1")], at: Self.at(5))
        #expect(
            try Self.lines(fixture) == ["- 4 5 - once same", "read 4 5 - once same", "write 5 5 - once same"])
        try configuration.observe("a", [Self.seen(nil, "i"), Self.seen("read", "1")], at: Self.at(6))
        #expect(try Self.lines(fixture).last == "write 5 5 6 once same")
        try configuration.observe("a", [Self.seen(nil, "i"), Self.seen("read", "1")], at: Self.at(7))
        #expect(try Self.lines(fixture).last == "write 5 5 6 once same")
        // An approval takes it away at once.
        try configuration.pin("a", onChange: .refuse, [pin(nil, "i"), pin("read", "1")])
        #expect(try Self.lines(fixture) == ["- 4 5 - once same", "read 4 5 - once same"])
        try configuration.observe(
            "a", [Self.seen(nil, "i"), Self.seen("read", "1"), Self.seen("write", "1")], at: Self.at(8))
        #expect(try Self.lines(fixture).last == "write 8 8 - once none", "back again is new")
    }

    @Test func whatIsTooLongIsNotedByItsHashOnly() throws {
        let fixture = try fixture()
        let long = SeenText(
            tool: "long", hash: try Self.hash("x"), definition: Array(repeating: 0x20, count: 100_000))
        let name = SeenText(tool: String(repeating: "n", count: 2_000), hash: try Self.hash("x"), definition: [])
        try fixture.configuration.observe("a", [long, name, Self.seen("", "1")], at: Self.at(1))
        #expect(try Self.lines(fixture) == ["long 1 1 - once none"])
        #expect(throws: StoreError.self) { try fixture.configuration.observe("b", [], at: Self.at(1)) }
    }

    @Test func aRemovedServerLeavesNothing() throws {
        let fixture = try fixture()
        try fixture.configuration.observe("a", [Self.seen("t", "1")], at: Self.at(1))
        try fixture.configuration.removeServer("a", force: true)
        #expect(try fixture.configuration.observations().isEmpty)
        try fixture.configuration.addServer(Fixture.server("a"))
        #expect(try Self.lines(fixture) == [])
    }
}
