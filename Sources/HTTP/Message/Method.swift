/// A request method. The token of `other` is in the head's `methodText`.
package enum HTTPMethod: UInt8, Sendable, Hashable {
    case get, head, post, put, delete, options, patch, trace, connect, other

    /// The token as sent; "" for `other`.
    package var token: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other: ""
        }
    }

    /// SPEC: RFC 9110 §9.2.2: a repeated request has the effect of one. `other` counts as not.
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .patch, .connect, .other: false
        }
    }

    /// Whether RFC 9110 expects content with it.
    var expectsBody: Bool { self == .post || self == .put || self == .patch }

    /// The method of a token; methods are case-sensitive.
    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        func matches(_ method: HTTPMethod) -> HTTPMethod {
            let token = method.token
            guard token.utf8CodeUnitCount == count else { return .other }
            for index in 0..<count where start[index] != token.utf8Start[index] { return .other }
            return method
        }
        switch (start[0], count) {
        case (0x47, 3): self = matches(.get)
        case (0x48, 4): self = matches(.head)
        case (0x50, 4): self = matches(.post)
        case (0x50, 3): self = matches(.put)
        case (0x44, 6): self = matches(.delete)
        case (0x4F, 7): self = matches(.options)
        case (0x50, 5): self = matches(.patch)
        case (0x54, 5): self = matches(.trace)
        case (0x43, 7): self = matches(.connect)
        default: self = .other
        }
    }
}

/// The versions this parser speaks.
package enum HTTPVersion: UInt8, Sendable, Hashable {
    case http10, http11
}
