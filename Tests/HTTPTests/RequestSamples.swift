import Testing

/// Requests that are in order, with what the parser makes of them.
struct RequestSample: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let reading: String
    var testDescription: String { name }
}

let requestSamples: [RequestSample] = [
    RequestSample(
        name: "get", text: "GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n",
        reading: "GET /hello 1.1 host=example.com none keep [Host=example.com]\nend"),
    RequestSample(
        name: "query", text: "GET /a/b?x=1&y=%20 HTTP/1.1\r\nHost: example.com:8080\r\n\r\n",
        reading: "GET /a/b ?x=1&y=%20 1.1 host=example.com:8080 none keep [Host=example.com:8080]\nend"),
    RequestSample(
        name: "decoded path", text: "GET /gr%C3%BC%C3%9Fe/%25 HTTP/1.1\r\nHost: a\r\n\r\n",
        reading: "GET /grüße/% 1.1 host=a none keep [Host=a]\nend"),
    RequestSample(
        name: "length", text: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        reading: "POST / 1.1 host=a length(5) keep [Host=a] [Content-Length=5]\nbody hello\nend"),
    RequestSample(
        name: "length 0", text: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        reading: "POST / 1.1 host=a none keep [Host=a] [Content-Length=0]\nend"),
    RequestSample(
        name: "chunked",
        text:
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n06;x=\"y\"\r\n world\r\n0\r\n\r\n",
        reading: "POST / 1.1 host=a chunked keep [Host=a] [Transfer-Encoding=Chunked]\nbody hello world\nend"),
    RequestSample(
        name: "trailers",
        text:
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n",
        reading: "POST / 1.1 host=a chunked keep [host=a] [transfer-encoding=chunked]\nbody 0123456789\nend"),
    RequestSample(
        name: "blanks around values", text: "GET / HTTP/1.1\r\nHost:\t a \t\r\nX:\r\nY:  \r\nZ: a  b\r\n\r\n",
        reading: "GET / 1.1 host=a none keep [Host=a] [X=] [Y=] [Z=a  b]\nend"),
    RequestSample(
        name: "obs-text in a value", text: "GET / HTTP/1.1\r\nHost: a\r\nX: é\r\n\r\n",
        reading: "GET / 1.1 host=a none keep [Host=a] [X=é]\nend"),
    RequestSample(
        name: "close", text: "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo , Close\r\n\r\n",
        reading: "GET / 1.1 host=a none close [Host=a] [Connection=foo , Close]\nend"),
    RequestSample(
        name: "1.0", text: "GET / HTTP/1.0\r\n\r\n", reading: "GET / 1.0 host= none close\nend"),
    RequestSample(
        name: "1.0 keep-alive", text: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        reading: "GET / 1.0 host= none close [Connection=keep-alive]\nend"),
    RequestSample(
        name: "absolute-form", text: "GET http://Example.com:80/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
        reading: "GET /x ?y 1.1 host=Example.com:80 none keep [Host=other]\nend"),
    RequestSample(
        name: "absolute-form without a path", text: "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n",
        reading: "GET / ?q 1.1 host=a none keep [Host=a]\nend"),
    RequestSample(
        name: "asterisk-form", text: "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        reading: "OPTIONS * 1.1 host=[::1]:80 none keep [Host=[::1]:80]\nend"),
    RequestSample(
        name: "expect",
        text: "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
        reading:
            "PUT /x 1.1 host=a length(1) keep continue [Host=a] [Expect=100-Continue] [Content-Length=1]\nbody x\nend"),
    RequestSample(
        name: "empty line first", text: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        reading: "GET / 1.1 host=a none keep [Host=a]\nend"),
    RequestSample(
        name: "own method", text: "PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n",
        reading: "PROPFIND /x 1.1 host=a none keep [Host=a]\nend"),
]

/// Requests that must be refused, with the status. Most of them are what two readers could take for two things.
struct BadRequest: Sendable, CustomTestStringConvertible {
    let problem: String
    let status: UInt16
    let text: String
    var testDescription: String { "\(problem): \(text.debugDescription.prefix(80))" }

    init(_ problem: String, _ status: UInt16, _ text: String) {
        self.problem = problem
        self.status = status
        self.text = text
    }

    /// A request with these lines after the Host field.
    static func lines(_ problem: String, _ status: UInt16, _ lines: String, _ body: String = "") -> BadRequest {
        BadRequest(problem, status, "POST /x HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n\(body)")
    }

    /// A chunked request with this body.
    static func chunks(_ problem: String, _ body: String) -> BadRequest {
        lines(problem, 400, "Transfer-Encoding: chunked", body)
    }

    /// A request for this target.
    static func target(_ target: String) -> BadRequest {
        BadRequest("malformedTarget", 400, "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
    }
}

let badRequests: [BadRequest] = [
    // Two lengths.
    .lines("lengthAndTransferEncoding", 400, "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    .lines("lengthAndTransferEncoding", 400, "Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
    .lines("repeatedContentLength", 400, "Content-Length: 5\r\nContent-Length: 5", "hello"),
    .lines("repeatedContentLength", 400, "Content-Length: 5\r\nContent-Length: 6", "hello"),
    // Odd lengths.
    .lines("malformedContentLength", 400, "Content-Length: 5,5", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 5, 5", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: +5", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: -5", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 5 5", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 0x5", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 05", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 5.0", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 1e1", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: ٥", "hello"),
    .lines("malformedContentLength", 400, "Content-Length:", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 18446744073709551621", "hello"),
    .lines("malformedContentLength", 400, "Content-Length: 9223372036854775808", "hello"),
    // Transfer codings.
    .lines("unknownTransferCoding", 501, "Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
    .lines("unknownTransferCoding", 501, "Transfer-Encoding: identity"),
    .lines("unknownTransferCoding", 501, "Transfer-Encoding: xchunked"),
    .lines("unknownTransferCoding", 501, "Transfer-Encoding: chunked;q=1"),
    .lines("unknownTransferCoding", 501, "Transfer-Encoding: \"chunked\""),
    .lines("unknownTransferCoding", 501, "Transfer-Encoding: chunked, identity"),
    .lines("repeatedTransferEncoding", 400, "Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
    .lines("repeatedTransferEncoding", 400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    .lines("repeatedTransferEncoding", 400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
    .lines("repeatedTransferEncoding", 400, "Transfer-Encoding:"),
    .lines("malformedFieldValue", 400, "Transfer-Encoding: \u{0B}chunked", "0\r\n\r\n"),
    .lines("spaceBeforeColon", 400, "Transfer-Encoding : chunked", "0\r\n\r\n"),
    .lines("spaceBeforeColon", 400, "Content-Length\t: 5", "hello"),
    .lines("malformedFieldName", 400, "Transfer\u{00}-Encoding: chunked"),
    BadRequest("transferEncodingInHTTP10", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BadRequest("lengthRequired", 411, "POST / HTTP/1.0\r\n\r\n"),
    // Lines.
    .lines("foldedField", 400, "X: a\r\n b"),
    .lines("foldedField", 400, "X: a\r\n\tb"),
    BadRequest("foldedField", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    BadRequest("bareLineFeed", 400, "GET / HTTP/1.1\nHost: a\n\n"),
    BadRequest("bareLineFeed", 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    .lines("bareLineFeed", 400, "X: a\nTransfer-Encoding: chunked"),
    BadRequest("bareLineFeed", 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    .lines("bareCarriageReturn", 400, "X: a\rTransfer-Encoding: chunked"),
    .lines("bareCarriageReturn", 400, "X: a\r"),
    BadRequest("bareCarriageReturn", 400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
    .lines("malformedFieldValue", 400, "X: a\u{00}b"),
    .lines("malformedFieldValue", 400, "X: \u{7F}"),
    .lines("malformedFieldValue", 400, "X: \u{1B}[0m"),
    .lines("malformedFieldName", 400, "nocolon"),
    .lines("malformedFieldName", 400, ": empty"),
    .lines("malformedFieldName", 400, "X(: y"),
    .lines("malformedFieldName", 400, "Ünicode: y"),
    BadRequest("malformedRequestLine", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET /\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET / HTTP/11\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "GET /é HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadRequest("malformedRequestLine", 400, "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}"),
    BadRequest("unsupportedVersion", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    BadRequest("unsupportedVersion", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    BadRequest("unsupportedVersion", 505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    BadRequest("unsupportedVersion", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    BadRequest("methodNotSupported", 501, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    // Host.
    BadRequest("missingHost", 400, "GET / HTTP/1.1\r\n\r\n"),
    BadRequest("missingHost", 400, "GET http://a/ HTTP/1.1\r\n\r\n"),
    BadRequest("repeatedHost", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    BadRequest("malformedHost", 400, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    // Targets.
    .target("x"), .target("*"), .target("//a/../b"), .target("/a/.."), .target("/./a"), .target("/%2e%2e/a"),
    .target("/a%2Fb"), .target("/a%5cb"), .target("/a\\b"), .target("/%00"), .target("/%0a"), .target("/%"),
    .target("/%4"), .target("/%zz"), .target("/%ff"), .target("/a#b"), .target("/?a#b"), .target("/<x>"),
    .target("http://"), .target("http:///x"), .target("http://u@a/"), .target("ftp://a/"), .target("http://a:x/"),
    .target("/%C0%AF"), .target("a:80"),
    .lines("unknownExpectation", 417, "Expect: 200-ok"),
    // Chunks.
    .chunks("malformedChunk", "5\nhello\r\n0\r\n\r\n"), .chunks("malformedChunk", "5 \r\nhello\r\n0\r\n\r\n"),
    .chunks("malformedChunk", " 5\r\nhello\r\n0\r\n\r\n"), .chunks("malformedChunk", "5 ;a\r\nhello\r\n0\r\n\r\n"),
    .chunks("malformedChunk", "0x5\r\nhello\r\n0\r\n\r\n"), .chunks("malformedChunk", "+5\r\nhello\r\n0\r\n\r\n"),
    .chunks("malformedChunk", "-1\r\nhello\r\n0\r\n\r\n"), .chunks("malformedChunk", "5\r\nhelloX\r\n0\r\n\r\n"),
    .chunks("malformedChunk", "5\r\nhell\r\n0\r\n\r\n"), .chunks("malformedChunk", "5\r\nhello\n0\r\n\r\n"),
    .chunks("malformedChunk", "\r\n"), .chunks("malformedChunk", "5;a\u{00}\r\nhello\r\n0\r\n\r\n"),
    .chunks("malformedChunk", "5;a\nb\r\nhello\r\n0\r\n\r\n"), .chunks("malformedChunk", "5\rhello\r\n0\r\n\r\n"),
    .chunks("malformedChunk", "10000000000000000\r\nhello"), .chunks("malformedChunk", "0000000000000005\r\nhello"),
    .chunks("malformedTrailer", "0\r\n: x\r\n\r\n"), .chunks("malformedTrailer", "0\r\n X: y\r\n\r\n"),
    .chunks("malformedTrailer", "0\r\nX : y\r\n\r\n"), .chunks("malformedTrailer", "0\r\nX: y\n\r\n"),
    .chunks("malformedTrailer", "0\r\n\rx"), .chunks("malformedTrailer", "0\r\nX\r\n\r\n"),
]
