/// A field name known when the program is written. Names from elsewhere go through `Fields.append(checking:_:)`.
package struct FieldName: Sendable {
    /// The name as it is written out.
    package let text: StaticString

    /// A name from a literal; it has to be a token (RFC 9110 §5.6.2).
    package init(_ text: StaticString) { self.text = text }

    package static var accept: FieldName { .init("Accept") }
    package static var acceptEncoding: FieldName { .init("Accept-Encoding") }
    package static var allow: FieldName { .init("Allow") }
    package static var authorization: FieldName { .init("Authorization") }
    package static var cacheControl: FieldName { .init("Cache-Control") }
    package static var connection: FieldName { .init("Connection") }
    package static var contentDisposition: FieldName { .init("Content-Disposition") }
    package static var contentEncoding: FieldName { .init("Content-Encoding") }
    package static var contentLength: FieldName { .init("Content-Length") }
    package static var contentSecurityPolicy: FieldName { .init("Content-Security-Policy") }
    package static var contentType: FieldName { .init("Content-Type") }
    package static var cookie: FieldName { .init("Cookie") }
    package static var date: FieldName { .init("Date") }
    package static var eTag: FieldName { .init("ETag") }
    package static var expect: FieldName { .init("Expect") }
    package static var host: FieldName { .init("Host") }
    package static var ifNoneMatch: FieldName { .init("If-None-Match") }
    package static var lastEventID: FieldName { .init("Last-Event-ID") }
    package static var location: FieldName { .init("Location") }
    package static var mcpProtocolVersion: FieldName { .init("MCP-Protocol-Version") }
    package static var mcpSessionID: FieldName { .init("Mcp-Session-Id") }
    package static var origin: FieldName { .init("Origin") }
    package static var referrerPolicy: FieldName { .init("Referrer-Policy") }
    package static var retryAfter: FieldName { .init("Retry-After") }
    package static var secFetchSite: FieldName { .init("Sec-Fetch-Site") }
    package static var server: FieldName { .init("Server") }
    package static var setCookie: FieldName { .init("Set-Cookie") }
    package static var transferEncoding: FieldName { .init("Transfer-Encoding") }
    package static var userAgent: FieldName { .init("User-Agent") }
    package static var vary: FieldName { .init("Vary") }
    package static var wwwAuthenticate: FieldName { .init("WWW-Authenticate") }
    package static var xAccelBuffering: FieldName { .init("X-Accel-Buffering") }
    package static var xContentTypeOptions: FieldName { .init("X-Content-Type-Options") }
    package static var xFrameOptions: FieldName { .init("X-Frame-Options") }
    package static var xRequestID: FieldName { .init("X-Request-Id") }
}
