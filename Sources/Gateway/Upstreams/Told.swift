import Base
import JSON
import MCP
import Runtime

/// What a legacy server was told that holds until its session ends. One that begins anew knows nothing of it and is told
/// again, since its client goes on and never hears that there was an end.
struct Told: Sendable {
    /// The least severe level that the server shall log.
    var level: LogLevel?
    /// URIs of resources, as many as a listen may name.
    // COST: not a whole filter; each of ten thousand idle sessions has one of these.
    var subscriptions: [String] = []
    /// Those that somebody wants to hear of now; nil where nobody can say.
    var wanted: Wanted?

    typealias Wanted = @Sendable () -> Set<String>

    /// Before it is said once more.
    static let pause = TimeSpan.seconds(2)
    /// A server that does not take up so many is not asked for the rest.
    static let maxFailures = 10

    /// The server has got a request.
    mutating func note(_ request: Outgoing) {
        guard request.isLasting, let params = try? RPCMessage(JSONDocument.parse(request.message)).params else {
            return
        }
        switch (request.method, params["uri"]?.string, params["level"]?.string) {
        case ("resources/subscribe", let uri?, _):
            if subscriptions.count >= ListenFilter.maximumEntries { forget() }
            var filter = ListenFilter()
            filter.resourceSubscriptions = subscriptions
            if filter.subscribe(to: uri) { subscriptions = filter.resourceSubscriptions }
        case ("resources/unsubscribe", let uri?, _): subscriptions.removeAll { $0 == uri }
        case ("logging/setLevel", _, let text?): level = LogLevel(rawValue: text) ?? level
        default: break
        }
    }

    /// One thing that is said again.
    enum Word: Equatable {
        case level(LogLevel)
        case subscription(String)

        var request: (method: String, params: [JSONMember]) {
            switch self {
            case .level(let level): ("logging/setLevel", [JSONMember("level", .string(level.rawValue))])
            case .subscription(let uri): ("resources/subscribe", [JSONMember("uri", .string(uri))])
            }
        }
    }

    /// What is said again to a server that introduces itself so.
    func again(to hello: UpstreamHello) -> [Word] {
        guard hello.version.era == .legacy else { return [] }
        var words: [Word] = []
        if let level, hello.capabilities?["logging"] != nil { words.append(.level(level)) }
        if hello.capabilities?["resources"] != nil { words += subscriptions.map { .subscription($0) } }
        return words
    }

    /// Whether it is so still.
    func holds(_ word: Word) -> Bool {
        switch word {
        case .level(let level): self.level == level
        case .subscription(let uri): subscriptions.contains(uri)
        }
    }

    /// What was said in place of a level meanwhile.
    func newer(than word: Word) -> Word? {
        guard case .level = word, let level, word != .level(level) else { return nil }
        return .level(level)
    }

    static func withdrawal(of uri: String) -> (method: String, params: [JSONMember]) {
        ("resources/unsubscribe", [JSONMember("uri", .string(uri))])
    }

    /// Forgets what nobody wants any more: a listen ends without a word to a legacy server.
    private mutating func forget() {
        guard let wanted, !subscriptions.isEmpty else { return }
        let still = wanted()
        subscriptions.removeAll { !still.contains($0) }
    }

    /// What of it somebody wants now.
    var current: Told {
        mutating get {
            forget()
            return self
        }
    }
}

extension Outgoing {
    /// Whether the server shall remember it until its session ends.
    var isLasting: Bool {
        switch method {
        // COST: nearly all are calls.
        case "tools/call": false
        case "resources/subscribe", "resources/unsubscribe", "logging/setLevel": !isAgain
        default: false
        }
    }
}

extension UpstreamLink {
    /// Says it, one after the other, as far as it still holds; once more what the server has not taken up. If it begins anew
    /// meanwhile, that is somebody else's to see to.
    /// - Parameters:
    ///   - isAgain: whether this link has said it before.
    ///   - told: what there is to say at this moment.
    func tell(isAgain: Bool = true, on loop: EventLoop, _ told: () -> Told) async {
        let life = life
        var left = told().again(to: hello)
        for attempt in 1...2 where !left.isEmpty {
            if attempt > 1, (try? await loop.sleep(Told.pause)) == nil { return }
            var failed: [Told.Word] = []
            for word in left where told().holds(word) {
                guard self.life == life, failed.count < Told.maxFailures else { return }
                var said = word
                while true {
                    if !(await takesUp(said.request, isAgain: isAgain, on: loop)) { failed.append(said) }
                    // The server may have read after this what the client has said meanwhile, or before it. The client's is
                    // the last word.
                    guard self.life == life, let newer = told().newer(than: said) else { break }
                    said = newer
                }
                if case .subscription(let uri) = word, self.life == life, !told().holds(word) {
                    _ = await takesUp(Told.withdrawal(of: uri), isAgain: isAgain, on: loop)
                }
            }
            left = failed
        }
    }

    /// Whether the server does what it is asked for; an error says that it does not.
    private func takesUp(_ request: (method: String, params: [JSONMember]), isAgain: Bool, on loop: EventLoop) async
        -> Bool
    {
        guard let answer = try? await ask(request.method, request.params, on: loop, isAgain: isAgain) else {
            return false
        }
        if case .response(_, isError: true) = answer.kind { return false }
        return true
    }
}
