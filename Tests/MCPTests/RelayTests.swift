import JSON
import MCP
import Testing

/// What is forwarded changes in the named places and nowhere else.
@Suite struct RelayTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func aRequestKeepsItsBytesButIDAndToken() throws {
        let original =
            #"{ "params" : {"_meta":{"progressToken":"abc","x":1},"arguments":{"n":1.50,"a":"\u00e9"},"name":"t"},"#
            + #""id":"42", "jsonrpc":"2.0","method":"tools/call", "extra":[1e3] }"#
        let relayed = Relay.request(try message(original), upstreamID: 9)
        #expect(
            text(relayed)
                == original.replacing(#""id":"42""#, with: #""id":9"#)
                .replacing(#""progressToken":"abc""#, with: #""progressToken":9"#))
    }

    @Test func aResponseGetsTheClientsIDWithItsType() throws {
        let response = try message(#"{"jsonrpc":"2.0","id":9,"result":{"content":[],"big":12345678901234567890.10}}"#)
        guard case .request(let id) = try message(#"{"jsonrpc":"2.0","id":"a\"b","method":"x"}"#).kind else {
            throw Failure("no request")
        }
        #expect(
            text(Relay.response(response, clientID: id))
                == #"{"jsonrpc":"2.0","id":"a\"b","result":{"content":[],"big":12345678901234567890.10}}"#)
    }

    @Test(arguments: [
        (#"{}"#, #"{"_meta":{"sluice/k":[1]}}"#),
        (#"{"a":1}"#, #"{"_meta":{"sluice/k":[1]},"a":1}"#),
        (#"{"_meta":{}}"#, #"{"_meta":{"sluice/k":[1]}}"#),
        (#"{"_meta":{"z":2}}"#, #"{"_meta":{"sluice/k":[1],"z":2}}"#),
        (#"{"_meta":{"sluice/k":"forged"}}"#, #"{"_meta":{"sluice/k":[1]}}"#),
        (#"{"_meta":7}"#, #"{"_meta":7}"#),
        (#"[1]"#, #"[1]"#),
    ])
    func metaIsAddedOnceAndNeverForged(result: String, expected: String) throws {
        let response = try message(#"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#)
        let relayed = Relay.response(
            response, clientID: RequestID(5), meta: MetaMember(key: "sluice/k", value: Array("[1]".utf8)))
        #expect(text(relayed) == #"{"jsonrpc":"2.0","id":5,"result":\#(expected)}"#)
        _ = try JSONDocument.parse(relayed)
    }

    @Test(arguments: [
        (#"{"_meta":{"sluice/decision":{"outcome":"allowed"}}}"#, #"{"_meta":{}}"#),
        (#"{"_meta":{"a":1.0,"sluice/limits":[],"b":"\u00e9"}}"#, #"{"_meta":{"a":1.0,"b":"\u00e9"}}"#),
        (#"{"_meta":{"a":1}}"#, #"{"_meta":{"a":1}}"#),
    ])
    func nobodyElseSpeaksInOurName(result: String, expected: String) throws {
        let response = try message(#"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#)
        let relayed = Relay.response(response, clientID: RequestID(5))
        #expect(text(relayed) == #"{"jsonrpc":"2.0","id":5,"result":\#(expected)}"#)
    }

    @Test func errorsGetNoMeta() throws {
        let response = try message(#"{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#)
        let relayed = Relay.response(
            response, clientID: RequestID(5), meta: MetaMember(key: "sluice/k", value: Array("1".utf8)))
        #expect(text(relayed) == #"{"id":5,"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#)
    }

    @Test func progressGetsTheClientsToken() throws {
        let progress = try message(
            #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":9,"progress":0.50}}"#)
        #expect(
            Relay.progress(progress, clientToken: Array(#""t""#.utf8)).map(text)
                == #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":0.50}}"#
        )
    }

    @Test func aMessageForAPipeHasNoLineBreaks() {
        #expect(Relay.singleLine(Array("{\r\n\"a\": 1\n}".utf8)) == Array("{  \"a\": 1 }".utf8))
    }
}
