import Base
import JSON
import MCP
import Testing

@Suite struct SealingTests {
    private let state = RequestState(
        principal: "identity:ann", grant: "g1", server: "files", method: "tools/call", paramsDigest: [1, 2, 3],
        expires: Instant(microseconds: 1_000), round: 2, upstreamState: "the server's \u{1F600}", parked: "p-1")
    private let now = Instant(microseconds: 999)

    @Test func whatIsSealedComesBack() throws {
        let text = try #require(state.sealed(by: FakeSealer()))
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
        #expect(try RequestState(text, openedBy: FakeSealer()) == state)
        var bare = state
        bare.upstreamState = nil
        bare.parked = nil
        #expect(try RequestState(try #require(bare.sealed(by: FakeSealer())), openedBy: FakeSealer()) == bare)
        bare.upstreamState = ""
        #expect(try RequestState(try #require(bare.sealed(by: FakeSealer())), openedBy: FakeSealer()) == bare)
    }

    @Test func nothingElseIsRead() throws {
        let text = try #require(state.sealed(by: FakeSealer()))
        for index in text.indices {
            var other = text
            other.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(throws: RequestStateFault.unreadable) { try RequestState(other, openedBy: FakeSealer()) }
        }
        #expect(throws: RequestStateFault.unreadable) { try RequestState(text, openedBy: FakeSealer(key: 2)) }
        #expect(throws: RequestStateFault.unreadable) { try RequestState("", openedBy: FakeSealer()) }
        // A sealed cursor is no state.
        let cursor = try #require(
            MergedCursor(server: "files", cursor: nil).sealed(.tools, grant: "g1", by: FakeSealer()))
        #expect(throws: RequestStateFault.unreadable) { try RequestState(cursor, openedBy: FakeSealer()) }
    }

    @Test func theRequestMustBeTheSame() throws {
        func check(
            principal: String = "identity:ann", grant: String = "g1", server: String = "files",
            method: String = "tools/call",
            digest: [UInt8] = [1, 2, 3], now: Int64 = 999, round: UInt64 = 2
        ) throws(RequestStateFault) {
            var state = state
            state.round = round
            try state.check(
                principal: principal, grant: grant, server: server, method: method, paramsDigest: digest,
                now: Instant(microseconds: now))
        }
        try check()
        #expect(throws: RequestStateFault.otherPrincipal) { try check(principal: "identity:bob") }
        #expect(throws: RequestStateFault.otherGrant) { try check(grant: "g2") }
        #expect(throws: RequestStateFault.otherServer) { try check(server: "mail") }
        #expect(throws: RequestStateFault.otherMethod) { try check(method: "prompts/get") }
        #expect(throws: RequestStateFault.otherParameters) { try check(digest: [1, 2, 4]) }
        #expect(throws: RequestStateFault.expired) { try check(now: 1_000) }
        #expect(throws: RequestStateFault.tooManyRounds) { try check(round: RequestState.maximumRounds) }
        for fault in RequestStateFault.allCases { #expect(fault.fault.code.number == -32_602) }
    }

    @Test func longStatesAreRefused() {
        var long = state
        long.upstreamState = String(repeating: "x", count: RequestState.maximumUpstreamState)
        #expect(long.sealed(by: FakeSealer())?.utf8.count ?? .max <= RequestState.maximumText)
        long.upstreamState?.append("x")
        #expect(long.sealed(by: FakeSealer()) == nil)
    }

    @Test(arguments: [
        (#"{"name":"a","arguments":{"y":1,"x":2}}"#, #"{"arguments":{"x":2.0,"y":1},"name":"\u0061"}"#, true),
        (#"{"name":"a"}"#, #"{"_meta":{"progressToken":1},"name":"a","inputResponses":{},"requestState":"s"}"#, true),
        (#"{"name":"a"}"#, #"{"name":"b"}"#, false), (#"{"name":"a"}"#, #"{"name":"a","arguments":{}}"#, false),
        (
            #"{"name":"a","arguments":{"n":9007199254740993}}"#, #"{"name":"a","arguments":{"n":9007199254740992}}"#,
            false
        ),
        (#"{"name":"a","arguments":{"_meta":1}}"#, #"{"name":"a","arguments":{}}"#, false),
    ])
    func equalRequestsHaveEqualDigests(a: String, b: String, isSame: Bool) throws {
        #expect((RequestState.digestInput(try view(a)) == RequestState.digestInput(try view(b))) == isSame)
    }

    @Test func withoutParametersThereIsADigestToo() throws {
        #expect(text(RequestState.digestInput(nil)) == "{}")
        #expect(text(RequestState.digestInput(try view(#"{"b":1.0,"a":[]}"#))) == #"{"a":[],"b":1}"#)
    }

    @Test func cursorsComeBackToTheirListAndGrant() throws {
        let sealer = FakeSealer()
        for cursor in [nil, "", "abc", "\u{1F600}"] {
            let merged = MergedCursor(server: "files", cursor: cursor)
            let sealed = try #require(merged.sealed(.tools, grant: "g1", by: sealer))
            #expect(try MergedCursor(sealed, .tools, grant: "g1", openedBy: sealer) == merged)
            #expect(throws: ProtocolFault.self) { try MergedCursor(sealed, .prompts, grant: "g1", openedBy: sealer) }
            #expect(throws: ProtocolFault.self) { try MergedCursor(sealed, .tools, grant: "g2", openedBy: sealer) }
        }
        for bad in ["", "abc", "=", String(repeating: "A", count: 100_000)] {
            let fault = #expect(throws: ProtocolFault.self) {
                try MergedCursor(bad, .tools, grant: "g1", openedBy: sealer)
            }
            #expect(fault?.code.number == -32_602)
        }
        let long = MergedCursor(server: "s", cursor: String(repeating: "x", count: MergedCursor.maximumCursor))
        #expect(
            try MergedCursor(
                try #require(long.sealed(.tools, grant: "g", by: sealer)), .tools, grant: "g", openedBy: sealer) == long
        )
        #expect(
            MergedCursor(server: "s", cursor: String(repeating: "x", count: 5_000)).sealed(
                .tools, grant: "g", by: sealer) == nil)
    }
}
