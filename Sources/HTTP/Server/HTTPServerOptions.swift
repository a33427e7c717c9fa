import Base
import Runtime

/// How a server behaves. Every time is measured on the loop's monotonic clock.
package struct HTTPServerOptions: Sendable {
    /// What the parser reads at most.
    package var limits = HTTPLimits()
    /// Connections over all loops; above, a newcomer is answered 503 and closed.
    package var maxConnections = 10_000
    /// From the first byte of a request to the end of its head; then 408.
    package var headTimeout = TimeSpan.seconds(10)
    /// For each 16 KiB of a body; then 408.
    package var bodyTimeout = TimeSpan.seconds(30)
    /// For a body as a whole, however steadily it drips; then 408.
    package var wholeBodyTimeout = TimeSpan.seconds(60)
    /// Bytes of bodies above 64 KiB that have not come whole, over all connections; who holds more than he leaves to others
    /// is answered 503 and closed.
    package var maxBodyBytes = 512 << 20
    /// Between requests; then the connection is closed.
    package var idleTimeout = TimeSpan.seconds(75)
    /// How long a full socket may stay full; then the connection is closed.
    package var writeTimeout = TimeSpan.seconds(60)
    /// How long a drain waits for requests in work.
    package var drainLimit = TimeSpan.seconds(10)
    /// After a "Connection: close", how long the client may take to close its side.
    package var lingerTimeout = TimeSpan.seconds(2)
    /// Bytes of pipelined requests kept while one is in work; above, reading pauses.
    package var maxPipelined = 64 * 1024
    /// Bytes of a stream that may wait for a slow client before `writeNow` refuses.
    package var maxBufferedOutput = 1024 * 1024

    /// Who the server is, for HTTPS; nil: HTTP. Nothing is served without TLS then.
    package var tls: TLSIdentity?
    /// From a connection to the end of TLS's handshake; then it is closed.
    package var handshakeTimeout = TimeSpan.seconds(10)
    /// Hears of handshakes that did not succeed, on the connection's loop; for the log.
    package var handshakeFailed: (@Sendable (SocketAddress?, RuntimeError) -> Void)?

    /// The defaults.
    package init() {}
}
