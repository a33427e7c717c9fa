import HTTP

/// What a service answered. Its key is not in it: there are services, and proxies before them, that echo the request.
struct ServiceAnswer: Sendable {
    let status: UInt16
    /// Seconds after which the service wants to be asked again, an hour at most.
    let retryAfter: Int?
    let body: [UInt8]

    /// - Parameter key: what went with the request.
    init(_ response: ClientResponse, hiding key: ServiceKey) {
        status = response.head.status.code
        retryAfter = response.head.fields[.retryAfter].flatMap { Int($0.string) }.map { min(max(0, $0), 3600) }
        body = key.hidden(in: response.body)
    }
}
