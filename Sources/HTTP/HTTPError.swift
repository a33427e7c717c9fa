/// What can go wrong in this module outside of a client's exchange (see `HTTPClientError` for those).
package struct HTTPError: Error, Sendable, Hashable {
    /// The closed list of causes.
    package enum Code: Sendable, Hashable {
        /// A field name or value that may not be sent.
        case badField
        /// A URL that cannot be used; the detail says why.
        case badURL
        /// A URL of another scheme than http and https.
        case unsupportedScheme
        /// One event of an event stream is larger than allowed.
        case eventTooLarge
        /// The address cannot be listened on.
        case listenFailed
    }

    /// The cause.
    package let code: Code
    /// One line for people: what is wrong and how to mend it.
    package let detail: String

    /// An error with its text.
    package init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }
}

/// Why the server refused a request by itself.
package enum HTTPProblem: UInt8, Error, Sendable, Hashable, CaseIterable {
    case malformedRequestLine, malformedTarget, unsupportedVersion, targetTooLong
    case bareLineFeed, bareCarriageReturn, foldedField, malformedFieldName, spaceBeforeColon, malformedFieldValue
    case fieldsTooLarge, tooManyFields
    case missingHost, repeatedHost, malformedHost
    case malformedContentLength, repeatedContentLength, lengthAndTransferEncoding
    case repeatedTransferEncoding, unknownTransferCoding, transferEncodingInHTTP10
    case lengthRequired, unknownExpectation, methodNotSupported
    case bodyTooLarge, malformedChunk, chunkExtensionTooLarge, malformedTrailer
    case headTimeout, bodyTimeout
    case tooManyConnections, tooManyBodies, noAnswer

    /// The status that answers it.
    package var status: HTTPStatus {
        switch self {
        case .malformedRequestLine, .malformedTarget, .bareLineFeed, .bareCarriageReturn, .foldedField,
            .malformedFieldName, .spaceBeforeColon, .malformedFieldValue, .missingHost, .repeatedHost, .malformedHost,
            .malformedContentLength, .repeatedContentLength, .lengthAndTransferEncoding, .repeatedTransferEncoding,
            .transferEncodingInHTTP10, .malformedChunk, .chunkExtensionTooLarge, .malformedTrailer:
            .badRequest
        case .unsupportedVersion: .versionNotSupported
        case .targetTooLong: .uriTooLong
        case .fieldsTooLarge, .tooManyFields: .headerFieldsTooLarge
        case .unknownTransferCoding, .methodNotSupported: .notImplemented
        case .lengthRequired: .lengthRequired
        case .unknownExpectation: .expectationFailed
        case .bodyTooLarge: .contentTooLarge
        case .headTimeout, .bodyTimeout: .requestTimeout
        case .tooManyConnections, .tooManyBodies: .serviceUnavailable
        case .noAnswer: .internalServerError
        }
    }

    /// What was wrong and how to mend it, for the client.
    package var detail: StaticString {
        switch self {
        case .malformedRequestLine: "the request line is not `METHOD target HTTP/1.1`"
        case .malformedTarget:
            "the target is no path this server reads: check percent-encoding, dot segments and encoded slashes"
        case .unsupportedVersion: "this server speaks HTTP/1.1 and HTTP/1.0"
        case .targetTooLong: "the request line is longer than this server reads"
        case .bareLineFeed: "a line ends in LF without CR"
        case .bareCarriageReturn: "a CR is not followed by LF"
        case .foldedField: "a field continues on a second line; write it on one"
        case .malformedFieldName: "a field name is not a token followed by a colon"
        case .spaceBeforeColon: "there is a blank between a field name and its colon"
        case .malformedFieldValue: "a field value holds a control byte"
        case .fieldsTooLarge: "the header section is larger than this server reads"
        case .tooManyFields: "the request has more fields than this server reads"
        case .missingHost: "an HTTP/1.1 request needs a Host field"
        case .repeatedHost: "the request has more than one Host field"
        case .malformedHost: "the Host field is not `name` or `name:port`"
        case .malformedContentLength: "Content-Length is not a plain decimal number"
        case .repeatedContentLength: "the request has more than one Content-Length"
        case .lengthAndTransferEncoding: "the request has both Content-Length and Transfer-Encoding; send one"
        case .repeatedTransferEncoding: "Transfer-Encoding is empty or names chunked more than once"
        case .unknownTransferCoding: "the only transfer coding this server reads is `chunked`"
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding"
        case .lengthRequired: "the request needs a Content-Length"
        case .unknownExpectation: "the only expectation this server meets is `100-continue`"
        case .methodNotSupported: "this server is no proxy: CONNECT is not supported"
        case .bodyTooLarge: "the body is larger than this server accepts here"
        case .malformedChunk: "the chunked body is malformed"
        case .chunkExtensionTooLarge: "the chunk extensions are larger than this server reads"
        case .malformedTrailer: "the trailer section is malformed or too large"
        case .headTimeout: "the request head did not arrive in time"
        case .bodyTimeout: "the request body did not arrive in time"
        case .tooManyBodies: "the server is reading as many large bodies as it may hold; try again later"
        case .tooManyConnections: "the server has as many connections as it may hold; try again later"
        case .noAnswer: "the server failed to answer this request"
        }
    }
}
