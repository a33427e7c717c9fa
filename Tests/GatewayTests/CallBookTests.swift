import JSON
import MCP
import Support
import Testing

@testable import Gateway

/// Which request a message of a mixed connection belongs to.
@Suite struct CallBookTests {
    /// The book behind a reference, so that what it answers can be expected.
    private final class Shelf {
        private var book = CallBook()
        func begin(
            _ id: Int64, _ inbox: Inbox, isListen: Bool = false, mayAsk: Bool = false, task: String? = nil,
            sender: CallBook.Sender? = nil
        ) {
            book.begin(id, inbox, isListen: isListen, mayAsk: mayAsk, task: task, sender: sender)
        }
        func answered(_ id: RequestID) { book.answered(id) }
        @discardableResult func end(_ id: Int64) -> Inbox? { book.end(id) }
        func endAll(_ why: UpstreamError) { book.endAll(why) }
        func route(_ message: RPCMessage, guesses: Bool) -> Bool { book.route(message, guesses: guesses) }
    }

    private static let lost = UpstreamError(.lost, mayHaveRun: true, detail: "the end")

    private static func message(_ text: String) throws -> RPCMessage { try Scene.message(text) }

    private static func progress(_ token: String) throws -> RPCMessage {
        try message(#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":\#(token)}}"#)
    }

    private static func response(_ id: String) throws -> RPCMessage {
        try message(#"{"jsonrpc":"2.0","id":\#(id),"result":{}}"#)
    }

    private static func notice(_ method: String, _ params: String = "{}") throws -> RPCMessage {
        try message(#"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params)}"#)
    }

    @Test func anAnswerGoesToItsRequestOnce() throws {
        let book = Shelf()
        let (one, two) = (Inbox(), Inbox())
        book.begin(1, one)
        book.begin(2, two)
        #expect(book.route(try Self.response("2"), guesses: true))
        #expect(one.taken() == nil)
        #expect(two.taken() != nil)
        #expect(book.route(try Self.response("2"), guesses: true), "dropped, not somebody else's")
        #expect(two.taken() == nil && one.taken() == nil)
        let (second, first) = (book.end(2), book.end(1))
        #expect(second == nil && first === one)
    }

    @Test(arguments: [#""1""#, "null", "7", "1.0"])
    func anAnswerToNobodyIsDropped(id: String) throws {
        let book = Shelf()
        let one = Inbox()
        book.begin(1, one)
        guard let message = try? Self.message(#"{"jsonrpc":"2.0","id":\#(id),"error":{"code":1,"message":"m"}}"#) else {
            return
        }
        #expect(book.route(message, guesses: true))
        #expect(one.taken() == nil)
        #expect(book.end(1) === one, "it still waits")
    }

    @Test func progressGoesByItsToken() throws {
        let book = Shelf()
        let (one, two) = (Inbox(), Inbox())
        book.begin(1, one)
        book.begin(2, two)
        #expect(book.route(try Self.progress("1"), guesses: false))
        #expect(one.taken() != nil && two.taken() == nil)
        for token in ["3", #""1""#, "true"] {
            #expect(!book.route(try Self.progress(token), guesses: true), "perhaps a task's")
        }
        #expect(one.taken() == nil && two.taken() == nil, "not even the only call's")
        book.end(1)
        #expect(!book.route(try Self.progress("1"), guesses: true))
        #expect(one.taken() == nil, "late")
    }

    /// What names no request is of the only call in whose middle it can be said.
    @Test func guesses() throws {
        let log = try Self.notice("notifications/message")
        let question = try Self.message(#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#)
        let inboxes = (0..<4).map { _ in Inbox() }
        for message in [log, question] {
            let book = Shelf()
            #expect(!book.route(message, guesses: true), "no call")
            book.begin(1, inboxes[0])
            #expect(!book.route(message, guesses: false), "the server is shared")
            #expect(book.route(message, guesses: true))
            #expect(inboxes[0].taken() != nil)
            book.begin(2, inboxes[1])
            #expect(!book.route(message, guesses: true), "two calls")
            book.begin(3, inboxes[2], mayAsk: true)
            #expect(book.route(message, guesses: true), "lists beside it don't count")
            #expect(inboxes[2].taken() != nil)
            book.begin(4, inboxes[3], isListen: true)
            #expect(book.route(message, guesses: true), "nor do subscriptions")
            #expect(inboxes[2].taken() != nil)
            book.end(3)
            book.end(1)
            #expect(book.route(message, guesses: true))
            #expect(inboxes[1].taken() != nil && inboxes[3].taken() == nil)
        }
    }

    @Test func aLogIsNotOfACallWhoseServerWaitsForAnAnswer() throws {
        let book = Shelf()
        let (asking, working) = (Inbox(), Inbox())
        // A legacy client has a stream for what is nobody's.
        let sender = CallBook.Sender(grant: "g", session: "s", era: .modern)
        let log = try Self.notice("notifications/message")
        let question = try Self.message(#"{"jsonrpc":"2.0","id":7,"method":"roots/list"}"#)
        book.begin(1, asking, mayAsk: true, sender: sender)
        #expect(book.route(question, guesses: true))
        book.begin(2, working, mayAsk: true, sender: sender)
        #expect(book.route(log, guesses: true))
        #expect(working.taken() != nil)
        #expect(!book.route(question, guesses: true), "whose question it is is not so clear")
        book.answered(RequestID(7))
        #expect(!book.route(log, guesses: true))
    }

    @Test func whatNamesATaskIsForWhoWaitsForItsEnd() throws {
        let book = Shelf()
        let (waiting, call) = (Inbox(), Inbox())
        book.begin(1, waiting, mayAsk: true, task: "t")
        book.begin(2, call, mayAsk: true)
        func question(_ task: String) throws -> RPCMessage {
            try Self.message(
                #"{"jsonrpc":"2.0","id":1,"method":"roots/list","params":"#
                    + #"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"\#(task)"}}}}"#)
        }
        #expect(book.route(try question("t"), guesses: false))
        #expect(waiting.taken()?.method == "roots/list")
        #expect(!book.route(try question("u"), guesses: false))
        #expect(call.taken() == nil)
    }

    @Test func noticesOfASubscriptionGoByItsName() throws {
        let book = Shelf()
        let (call, listen) = (Inbox(), Inbox())
        book.begin(1, call, mayAsk: true)
        book.begin(2, listen, isListen: true)
        func changed(_ id: String) throws -> RPCMessage {
            try Self.notice(
                "notifications/tools/list_changed",
                #"{"_meta":{"io.modelcontextprotocol/subscriptionId":\#(id)}}"#)
        }
        #expect(book.route(try changed("2"), guesses: true))
        #expect(listen.taken() != nil)
        for id in ["1", "3", #""2""#] { #expect(!book.route(try changed(id), guesses: true)) }
        #expect(!book.route(try Self.notice("notifications/tools/list_changed"), guesses: true))
        #expect(call.taken() == nil && listen.taken() == nil)
    }

    @Test func aServerMayEndASubscriptionButNotACall() async throws {
        let book = Shelf()
        let (call, listen) = (Inbox(), Inbox())
        book.begin(1, call, mayAsk: true)
        book.begin(2, listen, isListen: true)
        #expect(book.route(try Self.notice("notifications/cancelled", #"{"requestId":2}"#), guesses: false))
        await #expect(throws: UpstreamError.self) { try await listen.next() }
        #expect(book.end(2) == nil)
        #expect(!book.route(try Self.notice("notifications/cancelled", #"{"requestId":1}"#), guesses: false))
        #expect(book.route(try Self.notice("notifications/cancelled", #"{"requestId":1}"#), guesses: true))
        #expect(call.taken()?.method == "notifications/cancelled", "a question taken back, in its words")
        #expect(book.end(1) === call)
    }

    @Test func theEndOfTheConnectionEndsAll() async throws {
        let book = Shelf()
        let inboxes = (1...3).map { _ in Inbox() }
        for (id, inbox) in inboxes.enumerated() { book.begin(Int64(id), inbox, isListen: id == 2) }
        inboxes[0].put(try Self.response("0"))
        book.endAll(Self.lost)
        #expect(try await inboxes[0].next().document.root["id"]?.int == 0, "what had come can still be taken")
        for inbox in inboxes { await #expect(throws: Self.lost) { try await inbox.next() } }
        for id in 0..<3 { #expect(book.end(Int64(id)) == nil) }
        #expect(!book.route(try Self.notice("notifications/message"), guesses: true))
    }

    /// Whatever comes in whatever order: an inbox has at most one response, and it is its own.
    @Test(arguments: 0..<64)
    func noAnswerIsAnothers(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let book = Shelf()
        var inboxes: [Int64: Inbox] = [:]
        var answered: Set<Int64> = []
        var open: Set<Int64> = []
        for id in 1...200 as ClosedRange<Int64> {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let inbox = Inbox()
                inboxes[id] = inbox
                book.begin(id, inbox, isListen: Bool.random(using: &random), mayAsk: Bool.random(using: &random))
                open.insert(id)
            case 1:
                let victim = Int64.random(in: 1...id, using: &random)
                let wasThere = open.remove(victim) != nil
                let found = book.end(victim)
                #expect((found != nil) == wasThere)
            default:
                let target = Int64.random(in: 1...id, using: &random)
                #expect(book.route(try Self.response("\(target)"), guesses: true))
                if open.remove(target) != nil { answered.insert(target) }
            }
        }
        for (id, inbox) in inboxes {
            let first = inbox.taken()
            #expect((first != nil) == answered.contains(id))
            if let first { #expect(first.document.root["id"]?.int == id) }
            #expect(inbox.taken() == nil)
        }
    }
}
