import Base
import Runtime

/// A request to send. Host and Content-Length are the client's to add.
package struct ClientRequest: Sendable {
    package let url: HTTPURL
    package var method: HTTPMethod
    package var fields: Fields
    package var body: [UInt8]
    /// From sending to the response's head; nil: the client's default.
    package var headTimeout: TimeSpan?
    /// Silence inside the response's body; nil: the client's default.
    package var idleTimeout: TimeSpan?
    /// Bytes of a collected response body; nil: the client's default.
    package var maxBody: Int?
    /// Whether the server may see it twice without harm. By default what RFC 9110 calls idempotent.
    package var isReplaySafe: Bool

    /// A request. `method` must not be `other` or `connect`.
    package init(_ method: HTTPMethod, _ url: HTTPURL, fields: Fields = .none, body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        isReplaySafe = method.isIdempotent
    }
}

/// A response with its whole body.
package struct ClientResponse: Sendable {
    package let head: ResponseHead
    package let body: [UInt8]
}

/// What came back: a whole response, or a stream whose body is still coming.
package enum ClientAnswer: Sendable {
    case complete(ClientResponse)
    case stream(ClientStream)

    /// The head.
    package var head: ResponseHead {
        switch self {
        case .complete(let response): response.head
        case .stream(let stream): stream.head
        }
    }
}

/// How a client behaves.
package struct HTTPClientOptions: Sendable {
    /// What is read of a response's head.
    package var limits = HTTPLimits()
    /// Connections to one origin.
    package var maxPerOrigin = 64
    /// Idle ones among them.
    package var maxIdle = 32
    /// Requests that may wait for a connection to one origin.
    package var maxWaiting = 1024
    /// How long they wait.
    package var poolTimeout = TimeSpan.seconds(10)
    /// Name lookup and connecting, together.
    package var connectTimeout = TimeSpan.seconds(5)
    /// The handshake of TLS.
    package var handshakeTimeout = TimeSpan.seconds(10)
    /// From sending a request to its response's head.
    package var headTimeout = TimeSpan.seconds(30)
    /// Silence inside a response's body.
    package var idleTimeout = TimeSpan.seconds(300)
    /// How long an idle connection is kept. Below the 5 s after which common servers close theirs: a request that
    /// crosses the server's close would have an unknown fate.
    package var keepAlive = TimeSpan.seconds(4)
    /// Bytes of a collected response body.
    package var maxBody = 16 * 1024 * 1024
    /// Bytes of a stream kept for a slow reader; above, the socket is not read.
    package var maxBuffered = 256 * 1024
    /// Judges each address a name resolved to, before it is connected to. By default only public addresses, unless the
    /// origin allows private ones.
    package var addressCheck: @Sendable (SocketAddress, Origin) -> Bool = { address, origin in
        origin.allowPrivate || address.isPublic
    }

    /// The defaults.
    package init() {}
}

/// The right to stop one exchange. Used on the client's loop.
// SAFETY: touched on the loop's thread only.
package final class ClientCancel: @unchecked Sendable {
    /// Whether `cancel` was called.
    package private(set) var isCancelled = false
    var action: (() -> Void)?

    /// A handle for one exchange.
    package init() {}

    /// Stops the exchange: its connection is closed, and it ends with `cancelled`. Afterwards nothing.
    package func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        let action = action
        self.action = nil
        action?()
    }
}
