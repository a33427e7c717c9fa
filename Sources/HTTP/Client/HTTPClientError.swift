/// Why an exchange with another server failed.
package struct HTTPClientError: Error, Sendable, Hashable {
    /// The closed list of causes.
    package enum Code: Sendable, Hashable, CaseIterable {
        /// Every address of the host is one that this client must not connect to.
        case refusedAddress
        /// The host's name has no address.
        case resolveFailed
        /// No connection could be made.
        case connectFailed
        /// Connecting took too long.
        case connectTimeout
        /// The server's certificate is not one this client may believe.
        case untrusted
        /// No connection could be secured, for any other reason.
        case tlsFailed
        /// All connections to the origin are busy and the queue for them is full.
        case poolFull
        /// All connections to the origin were busy for too long.
        case poolTimeout
        /// The response's head took too long.
        case headTimeout
        /// The response's body was silent for too long.
        case idleTimeout
        /// The response's body is larger than allowed.
        case bodyTooLarge
        /// What came back is no response this client takes for one.
        case malformedResponse
        /// The connection broke.
        case connectionLost
        /// The caller cancelled.
        case cancelled
        /// The client was closed.
        case shutDown
    }

    /// Whether the server may have acted on the request. Who keeps count of calls needs to know.
    package enum Fate: Sendable, Hashable {
        /// The server has certainly not seen the whole request.
        case notSent
        /// It may have acted on it or not.
        case fateUnknown
    }

    /// The cause.
    package let code: Code
    /// What became of the request.
    package let fate: Fate
    /// One line for the log.
    package let detail: String

    /// An error with its text.
    package init(_ code: Code, _ fate: Fate, _ detail: String) {
        self.code = code
        self.fate = fate
        self.detail = detail
    }
}
