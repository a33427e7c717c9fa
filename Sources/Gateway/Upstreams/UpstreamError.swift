/// Why an upstream gave no answer that can be used.
package struct UpstreamError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// No connection, or the child does not start.
        case unreachable
        /// Silence for longer than the limit.
        case timeout
        /// Something came that is no answer to the request.
        case broken
        /// The answer is larger than the server may send.
        case tooLarge
        /// The connection or the process ended before the answer.
        case lost
        /// An HTTP error without a JSON-RPC message.
        case refused
        /// Too many calls wait for this server.
        case overloaded
        /// A list whose pages lead nowhere.
        case endless
        /// The client took the call back, or its session has ended.
        case cancelled
        /// The server's answer can't be put into the words of the client's version.
        case untranslatable
    }

    package let code: Code
    /// Whether the call may have had an effect: false only if it certainly was not carried out.
    package let mayHaveRun: Bool
    /// For the operator's log: what happened, where. May hold lines that a child wrote to standard error.
    package let detail: String
    /// The upstream's HTTP status, if it gave one.
    package let status: Int?

    package init(_ code: Code, mayHaveRun: Bool, detail: String, status: Int? = nil) {
        self.code = code
        self.mayHaveRun = mayHaveRun
        self.detail = detail
        self.status = status
    }

    package var description: String { detail }

    /// What stands between an explanation and the last lines that a child wrote to standard error.
    static let lastWordsMark = "; its last lines on standard error:\n"

    /// The same of a request of our own, before which the call itself was not sent.
    var beforeTheCall: UpstreamError { UpstreamError(code, mayHaveRun: false, detail: detail, status: status) }

    /// For the agent: nothing about hosts, commands or files.
    var clientText: String {
        let may = mayHaveRun ? " The call may have run." : ""
        return switch code {
        case .unreachable: "The server behind the gateway can't be reached."
        case .timeout: "The server behind the gateway did not answer in time.\(may)"
        case .broken: "The server behind the gateway gave a broken answer."
        case .endless:
            "The pages of this server's list never end: a cursor leads back, or there are too many. Use what came so far."
        case .tooLarge: "An answer of the server behind the gateway is over the size limit.\(may)"
        case .lost: "The server behind the gateway went away during the call.\(may)"
        case .refused: "The server behind the gateway refused the request."
        case .overloaded: "Too many calls are waiting for the server behind the gateway. Try again later."
        case .cancelled: "The call was cancelled, since its grant or its session has ended.\(may)"
        case .untranslatable: "The server's answer can't be told in this protocol version."
        }
    }
}
