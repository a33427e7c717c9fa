import JSON
import MCP
import Testing

func message(_ text: String) throws -> RPCMessage {
    try RPCMessage(JSONDocument.parse(Array(text.utf8)))
}

@Suite struct RPCMessageTests {
    @Test func readsARequest() throws {
        let request = try message(#"{"method":"tools/call","id":"7","params":{"name":"x"},"jsonrpc":"2.0"}"#)
        guard case .request(let id) = request.kind else { throw Failure("no request") }
        #expect(id.raw == Array("\"7\"".utf8))
        #expect(request.method == "tools/call")
        #expect(request.params?["name"]?.string == "x")
    }

    @Test func keepsTheTypeOfAnID() throws {
        let number = try message(#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
        let text = try message(#"{"jsonrpc":"2.0","id":"1","method":"ping"}"#)
        guard case .request(let a) = number.kind, case .request(let b) = text.kind else { throw Failure("no request") }
        #expect(a != b)
        #expect(a.int == 1)
        #expect(b.int == nil)
    }

    @Test func tellsNotificationsAndResponsesApart() throws {
        guard case .notification = try message(#"{"jsonrpc":"2.0","method":"x"}"#).kind else { throw Failure("kind") }
        guard case .response(let id, false) = try message(#"{"jsonrpc":"2.0","id":3,"result":{}}"#).kind else {
            throw Failure("kind")
        }
        #expect(id?.int == 3)
        let error = try message(#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m"}}"#)
        guard case .response(nil, true) = error.kind else { throw Failure("kind") }
    }

    @Test(arguments: [
        (#"[]"#, RPCFault.Code.batch),
        (#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, .batch),
        (#"1"#, .notAnObject),
        (#"{}"#, .wrongVersion),
        (#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, .wrongVersion),
        (#"{"jsonrpc":2.0,"id":1,"method":"x"}"#, .wrongVersion),
        (#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, .badID),
        (#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#, .badID),
        (#"{"jsonrpc":"2.0","id":[1],"method":"x"}"#, .badID),
        (#"{"jsonrpc":"2.0","id":1,"method":2}"#, .badMethod),
        (#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#, .badParams),
        (#"{"jsonrpc":"2.0","id":1,"method":"x","params":null}"#, .badParams),
        (#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, .bothResultAndError),
        (#"{"jsonrpc":"2.0","id":1}"#, .nothing),
        (#"{"jsonrpc":"2.0","result":{}}"#, .badID),
        (#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#, .requestAndResponse),
        (#"{"jsonrpc":"2.0","id":1,"method":"x","error":{}}"#, .requestAndResponse),
        (#"{"jsonrpc":"2.0","id":1,"method":"x","Params":{}}"#, .lookAlikeMember),
        (#"{"jsonrpc":"2.0","id":1,"method":"x","metho\u0044":"y"}"#, .lookAlikeMember),
    ])
    func refusesWhatIsNoMessage(text: String, code: RPCFault.Code) throws {
        let document = try JSONDocument.parse(Array(text.utf8))
        do {
            _ = try RPCMessage(document)
            throw Failure("accepted: \(text)")
        } catch let fault as RPCFault {
            #expect(fault.code == code, "\(text)")
            #expect(!fault.message.isEmpty)
        }
    }

    @Test func refusesAnEndlessID() throws {
        let id = String(repeating: "x", count: RequestID.maxBytes)
        let document = try JSONDocument.parse(Array(#"{"jsonrpc":"2.0","id":"\#(id)","method":"ping"}"#.utf8))
        #expect(throws: RPCFault(.badID)) { try RPCMessage(document) }
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
