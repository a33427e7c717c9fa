/// A status code with its usual reason phrase.
package struct HTTPStatus: Sendable, Hashable {
    /// 100…999.
    package let code: UInt16

    /// A status of any code.
    package init(_ code: UInt16) { self.code = code }

    /// SPEC: RFC 9112 §4: answers to HEAD, and 1xx, 204 and 304, have no body.
    package var hasNoBody: Bool { code < 200 || code == 204 || code == 304 }

    package static var ok: HTTPStatus { .init(200) }
    package static var created: HTTPStatus { .init(201) }
    package static var accepted: HTTPStatus { .init(202) }
    package static var noContent: HTTPStatus { .init(204) }
    package static var movedPermanently: HTTPStatus { .init(301) }
    package static var found: HTTPStatus { .init(302) }
    package static var seeOther: HTTPStatus { .init(303) }
    package static var notModified: HTTPStatus { .init(304) }
    package static var temporaryRedirect: HTTPStatus { .init(307) }
    package static var badRequest: HTTPStatus { .init(400) }
    package static var unauthorized: HTTPStatus { .init(401) }
    package static var forbidden: HTTPStatus { .init(403) }
    package static var notFound: HTTPStatus { .init(404) }
    package static var methodNotAllowed: HTTPStatus { .init(405) }
    package static var notAcceptable: HTTPStatus { .init(406) }
    package static var requestTimeout: HTTPStatus { .init(408) }
    package static var conflict: HTTPStatus { .init(409) }
    package static var gone: HTTPStatus { .init(410) }
    package static var lengthRequired: HTTPStatus { .init(411) }
    package static var preconditionFailed: HTTPStatus { .init(412) }
    package static var contentTooLarge: HTTPStatus { .init(413) }
    package static var uriTooLong: HTTPStatus { .init(414) }
    package static var unsupportedMediaType: HTTPStatus { .init(415) }
    package static var expectationFailed: HTTPStatus { .init(417) }
    package static var misdirectedRequest: HTTPStatus { .init(421) }
    package static var unprocessableContent: HTTPStatus { .init(422) }
    package static var tooManyRequests: HTTPStatus { .init(429) }
    package static var headerFieldsTooLarge: HTTPStatus { .init(431) }
    package static var internalServerError: HTTPStatus { .init(500) }
    package static var notImplemented: HTTPStatus { .init(501) }
    package static var badGateway: HTTPStatus { .init(502) }
    package static var serviceUnavailable: HTTPStatus { .init(503) }
    package static var gatewayTimeout: HTTPStatus { .init(504) }
    package static var versionNotSupported: HTTPStatus { .init(505) }
    package static var insufficientStorage: HTTPStatus { .init(507) }

    /// The reason phrase; "Status" for codes without one here.
    package var reason: StaticString {
        switch code {
        case 100: "Continue"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}
