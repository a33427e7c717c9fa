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

    /// The server has got a request.
    mutating func note(_ request: Outgoing) {
        guard request.isLasting, let params = try? RPCMessage(JSONDocument.parse(request.message)).params else {
            return
        }
        switch (request.method, params["uri"]?.string, params["level"]?.string) {
        case ("resources/subscribe", let uri?, _):
            var filter = ListenFilter()
            filter.resourceSubscriptions = subscriptions
            if filter.subscribe(to: uri) { subscriptions = filter.resourceSubscriptions }
        case ("resources/unsubscribe", let uri?, _): subscriptions.removeAll { $0 == uri }
        case ("logging/setLevel", _, let text?): level = LogLevel(rawValue: text) ?? level
        default: break
        }
    }

    /// The requests that say it again to a server that introduces itself so.
    func again(to hello: UpstreamHello) -> [(method: String, params: [JSONMember])] {
        guard hello.version.era == .legacy else { return [] }
        var requests: [(method: String, params: [JSONMember])] = []
        if let level, hello.capabilities?["logging"] != nil {
            requests.append(("logging/setLevel", [JSONMember("level", .string(level.rawValue))]))
        }
        if hello.capabilities?["resources"] != nil {
            for uri in subscriptions {
                requests.append(("resources/subscribe", [JSONMember("uri", .string(uri))]))
            }
        }
        return requests
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
    /// Says it, one after the other. If the server begins anew meanwhile, that is somebody else's to see to.
    /// - Parameter isAgain: whether this link has said it before.
    func tell(_ told: Told, isAgain: Bool = true, on loop: EventLoop) async {
        let life = life
        for (method, params) in told.again(to: hello) {
            guard self.life == life, (try? await ask(method, params, on: loop, isAgain: isAgain)) != nil else { return }
        }
    }
}
