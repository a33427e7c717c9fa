import Base
import JSON
import MCP
import Runtime

/// How a gateway listens and what it allows itself. Every growing thing has its cap here.
package struct GatewayOptions: Sendable {
    /// Where the data plane listens; port 0 takes a free one.
    package var listen: SocketAddress
    /// Bytes of a request's body; more is answered with 413.
    package var maxBody = 4 << 20
    /// Values of `Origin` that are allowed beside pages of this machine itself, for example `https://console.example.com`.
    package var allowedOrigins: [String] = []
    /// Names that `Host` may have beside loopback ones. Empty: any name if the gateway listens on more than loopback.
    package var allowedHosts: [String] = []
    /// The silence after which a call to an upstream is given up; progress starts it anew.
    package var callTimeout = TimeSpan.seconds(120)
    /// For a TCP connection to an upstream.
    package var connectTimeout = TimeSpan.seconds(5)
    /// For a child process from its start to its answer to `initialize`.
    package var startTimeout = TimeSpan.seconds(30)
    /// Sessions of clients, all grants together; more are refused with 503.
    package var maxSessions = 10_000
    /// A session that no request has used for this long ends.
    package var sessionIdle = TimeSpan.hours(1)
    /// Bytes that are kept of legacy streams for clients that come back, all sessions together; the oldest events of the grant
    /// that has most go first.
    package var maxHistory = 64 << 20
    /// Bytes that are kept of results that clients wanted as tasks, all sessions together; a grant has at most as much as it
    /// leaves for the others.
    package var maxKeptResults = 64 << 20
    /// Calls between decision and answer, all servers together; more are refused with 503.
    package var maxCallsInFlight = 1_024
    /// Bytes of requests under way, of whatever kind, all clients together; above, further ones are refused with 503. A grant
    /// has at most as much as it leaves for the others.
    package var maxRequestBytes = 256 << 20
    /// What a request costs beside its body, in bytes.
    static let costOfRequest = 32 << 10

    /// What a request holds: its body as it came and as it goes on, and what was read in it.
    /// - Parameter weight: of all that is read of it.
    static func cost(ofBody size: Int, weight: Int) -> Int { costOfRequest + size + weight }

    static func cost(of message: RPCMessage) -> Int {
        cost(ofBody: message.document.bytes.count, weight: message.document.weight)
    }

    /// Always enough for a grant's largest request, and for all the calls that may be in flight.
    var requestCapacity: Int {
        let values = min(maxBody, JSONLimits.standard.maxTokens)
        let largest = Self.cost(ofBody: maxBody, weight: maxBody + values * 16)
        return max(maxRequestBytes, 2 * largest, 2 * maxCallsInFlight * Self.costOfRequest)
    }
    /// Bytes of the URIs and task ids that open listens name, all sessions together; a grant has at most as much as it leaves
    /// for the others.
    static let maxListened = 64 << 20
    /// How long `drain` waits for calls in flight.
    package var drainLimit = TimeSpan.seconds(10)
    /// Who the data plane is, for HTTPS; nil: HTTP.
    package var tls: TLSIdentity?

    /// What children run first, to be tied to us and limited; nil: they are neither.
    package var launcher: ChildLauncher?

    package init(listen: SocketAddress) {
        self.listen = listen
    }
}
