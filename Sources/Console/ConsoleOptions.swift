import Base
import Runtime

/// What the admin plane may be told.
package struct ConsoleOptions: Sendable {
    /// Where it listens; port 0 takes any free one.
    package var listen: SocketAddress
    /// Names that `Host` may have beside those of this machine.
    package var allowedHosts: [String] = []
    /// Who it is, for HTTPS; nil: HTTP.
    package var tls: TLSIdentity?
    /// What `status` and the metrics call this build.
    package var version: String
    /// Where clients connect, as `status` shows it.
    package var dataPlane: String
    /// A console session that nobody uses ends after this.
    package var sessionIdle = TimeSpan.minutes(30)
    /// A console session ends after this in any case.
    package var sessionLifetime = TimeSpan.hours(12)
    /// Console sessions at most; a further sign-in ends the one that was unused for longest.
    package var maxSessions = 256
    /// Connections at most; above, a newcomer is answered 503.
    package var maxConnections = 512
    /// How long a drain waits for requests in work.
    package var drainLimit = TimeSpan.seconds(2)

    /// Options for a listener of a build in front of the data plane at `dataPlane`.
    package init(listen: SocketAddress, version: String, dataPlane: String) {
        self.listen = listen
        self.version = version
        self.dataPlane = dataPlane
    }
}

/// Why the admin plane did not start.
package struct ConsoleError: Error, Sendable, CustomStringConvertible {
    /// The closed list of causes.
    package enum Code: String, Sendable, CaseIterable {
        /// The address can't be listened on.
        case listen
        /// The threads for blocking work can't be started.
        case threads
    }

    package let code: Code
    /// What happened and where, one line.
    package let message: String
    /// How to mend it.
    package let help: String

    package var description: String { "\(message); \(help)" }
}
