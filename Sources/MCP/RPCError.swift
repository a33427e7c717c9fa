/// JSON-RPC error codes that we send. Codes of our own lie outside the reserved range -32768…-32000 (contract).
package enum RPCErrorCode: Int, Sendable {
    case parseError = -32_700
    case invalidRequest = -32_600
    case methodNotFound = -32_601
    case invalidParams = -32_602
    case internalError = -32_603
    /// The server behind the gateway could not be reached or could not be started.
    case upstreamUnreachable = -31_001
    /// It did not answer in time; whether the call ran is unknown. To a server: the client did not.
    case upstreamTimeout = -31_002
    /// It answered something that is no valid message.
    case upstreamBroken = -31_003
    /// The ledger or the counters are not available, so nothing is forwarded.
    case cannotRecord = -31_004
    /// Too much is going on; nothing was forwarded.
    case overloaded = -31_005
    /// One side asks for something that the other side's version of the protocol has no word for.
    case untranslatable = -31_006
    /// The policy denies what was asked, where a result can't say so.
    case denied = -31_007
}

/// Why a JSON value is no message.
package struct RPCFault: Error, Sendable, Hashable {
    package enum Code: String, Sendable, CaseIterable {
        case notAnObject, batch, wrongVersion, badID, badMethod, badParams, bothResultAndError, nothing
        case requestAndResponse, lookAlikeMember
    }

    package let code: Code

    package init(_ code: Code) {
        self.code = code
    }

    /// One sentence that says what is wrong and how it should be.
    package var message: String {
        switch code {
        case .notAnObject: "a JSON-RPC message is an object"
        case .batch: "batches are not part of this protocol version; send one message at a time"
        case .wrongVersion: "the member \"jsonrpc\" must be \"2.0\""
        case .badID: "the member \"id\" must be a string or an integer of at most \(RequestID.maxBytes) bytes"
        case .badMethod: "the member \"method\" must be a string"
        case .badParams: "the member \"params\" must be an object"
        case .bothResultAndError: "a response has either \"result\" or \"error\""
        case .requestAndResponse: "a message with \"method\" has neither \"result\" nor \"error\""
        case .lookAlikeMember:
            "a member's name differs from a protocol name only in case, which servers read differently"
        case .nothing: "a message has \"method\", \"result\" or \"error\""
        }
    }
}
