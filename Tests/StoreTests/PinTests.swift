import Store
import StoreSQLite
import Testing

@Suite struct PinTests {
    private static func pin(_ tool: String?, _ text: String) throws -> Pin {
        let hash = try #require(ArgumentDigest(bytes: Array(repeating: UInt8(text.utf8.count), count: 32)))
        return Pin(tool: tool, hash: hash, definition: Array(text.utf8))
    }

    @Test func whatIsPinnedIsInTheNextSnapshot() throws {
        let fixture = try Fixture()
        let configuration = fixture.configuration
        try configuration.addServer(Fixture.server("a"))
        #expect(try configuration.pins(of: "a") == nil)
        let before = configuration.currentGeneration()
        let pins = [try Self.pin(nil, "null"), try Self.pin("read", "{}"), try Self.pin("write", "{ }")]
        try configuration.pin("a", onChange: .refuse, pins)
        #expect(configuration.currentGeneration() > before)
        let stored = try #require(try fixture.openAgain().configuration.pins(of: "a"))
        #expect(stored.onChange == .refuse)
        #expect(Set(stored.pins) == Set(pins))
        let snapshot = try #require(try configuration.loadConfiguration().pins["a"])
        #expect(snapshot.tools == ["read": pins[1].hash, "write": pins[2].hash])
        #expect(snapshot.instructions == pins[0].hash)
    }

    @Test func pinningAgainReplacesAndEndsCleanly() throws {
        let fixture = try Fixture()
        let configuration = fixture.configuration
        try configuration.addServer(Fixture.server("a"))
        try configuration.pin("a", onChange: .hide, [try Self.pin("old", "1")])
        let first = try #require(try configuration.loadConfiguration().pins["a"])
        try configuration.pin("a", onChange: .warn, [try Self.pin("new", "1")])
        let second = try #require(try configuration.loadConfiguration().pins["a"])
        #expect(second.tools.keys.sorted() == ["new"])
        #expect(second.onChange == .warn)
        #expect(second.stamp >= first.stamp)
        #expect(try configuration.unpin("a"))
        #expect(try !configuration.unpin("a"))
        #expect(try configuration.loadConfiguration().pins.isEmpty)
    }

    @Test func aRemovedServerLeavesNoPins() throws {
        let fixture = try Fixture()
        let configuration = fixture.configuration
        try configuration.addServer(Fixture.server("a"))
        try configuration.pin("a", onChange: .hide, [try Self.pin("t", "1")])
        try configuration.removeServer("a", force: true)
        try configuration.addServer(Fixture.server("a"))
        #expect(try configuration.pins(of: "a") == nil)
    }

    @Test(arguments: [
        "UPDATE pin SET hash = x'00'", "UPDATE pinned_server SET on_change = 'allow'", "DELETE FROM pinned_server",
    ])
    func pinsThatCannotBeReadStopTheConfiguration(_ sql: String) throws {
        let fixture = try Fixture()
        try fixture.configuration.addServer(Fixture.server("a"))
        try fixture.configuration.pin("a", onChange: .hide, [try Self.pin("t", "1")])
        try fixture.tamper(sql)
        let error = #expect(throws: StoreError.self) { _ = try fixture.configuration.loadConfiguration() }
        #expect(error?.code == .corrupt)
    }

    @Test func unknownServersAreNamed() throws {
        let fixture = try Fixture()
        let error = #expect(throws: StoreError.self) { try fixture.configuration.pin("x", onChange: .hide, []) }
        #expect(error?.code == .notFound)
        #expect(throws: StoreError.self) { _ = try fixture.configuration.unpin("x") }
    }
}
