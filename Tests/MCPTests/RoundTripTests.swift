import JSON
import MCP
import Support
import Testing

/// There and back again: what crosses both eras comes out as it went in.
@Suite struct RoundTripTests {
    private func object(_ random: inout RandomDocument, without keys: [String]) -> JSONValue {
        while true {
            if case .object(let members) = random.value(depth: 3) {
                return .object(members.filter { !keys.contains($0.key) })
            }
        }
    }

    /// A legacy client's request through a modern hop to a legacy server.
    @Test(arguments: 0..<20) func requests(seed: UInt64) throws {
        var random = RandomDocument(seed: seed)
        for _ in 0..<30 {
            guard case .object(var params) = object(&random, without: ["_meta"]) else { continue }
            if random.random.oneIn(2) { params.append(JSONMember("_meta", object(&random, without: []))) }
            let spelled = random.spell(.object(params))
            let original = try message(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(spelled)}"#)
            var there = JSONSplice(original.document)
            LegacyFront.request(
                original,
                from: LegacyFront.Sender(capabilities: ["roots": [:]], info: ["name": "c"], logLevel: .info), in: &there
            )
            let modern = try message(text(there.applied()) ?? "")
            #expect(try RequestEnvelope(modern).version() == .july2026)
            var back = JSONSplice(modern.document)
            ModernFront.request(modern, in: &back)
            let legacy = try message(text(back.applied()) ?? "")
            // An empty `_meta` may be gone or have come: it says nothing.
            var (before, after) = (original.params?.value ?? [:], legacy.params?.value ?? [:])
            for empty in [0, 1] {
                let value = empty == 0 ? before : after
                guard case .object(let members) = value else { continue }
                let rest = JSONValue.object(members.filter { $0.key != "_meta" || $0.value != [:] })
                if empty == 0 { before = rest } else { after = rest }
            }
            #expect(after == before, "\(spelled)")
        }
    }

    /// A legacy server's result through a modern hop to a legacy client.
    @Test(arguments: 0..<20) func results(seed: UInt64) throws {
        var random = RandomDocument(seed: seed)
        for method in ["tools/call", "tools/list", "prompts/get", "resources/read"] {
            for _ in 0..<20 {
                let result = object(&random, without: ["_meta"])
                let document = try JSONDocument.parse(Array(random.spell(result).utf8))
                var there = JSONSplice(document)
                ModernResult.settle(document.root, of: method, in: &there, isPerCaller: true)
                let modern = try JSONDocument.parse(there.applied())
                #expect(ResultType(modern.root) == .complete)
                #expect((CacheHints(modern.root) == .stale) == CacheHints.methods.contains(method))
                var back = JSONSplice(modern)
                LegacyFront.result(modern.root, of: method, version: .november2025, in: &back)
                for key in ["ttlMs", "cacheScope"] { back.remove(key, from: modern.root) }
                let legacy = try JSONDocument.parse(back.applied())
                #expect(legacy.root == document.root)
                // Not only the same value: the same bytes, but for the place where members were put in and taken out.
                let blanks = Set(" \n\t\r".utf8)
                #expect(legacy.bytes.filter { !blanks.contains($0) } == document.bytes.filter { !blanks.contains($0) })
            }
        }
    }

    /// A filter, written and read.
    @Test func filters() throws {
        var filter = ListenFilter()
        filter.toolsListChanged = true
        filter.resourceSubscriptions = ["a\"b", "\u{1F600}"]
        let params = JSONValue.object([JSONMember("notifications", filter.value)])
        #expect(try ListenFilter(try view(params.text)) == filter)
    }
}
