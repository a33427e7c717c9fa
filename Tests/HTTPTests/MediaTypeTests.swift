import HTTP
import Testing

@Suite struct MediaTypeTests {
    @Test(arguments: [
        ("application/json", true), ("Application/JSON; charset=utf-8", true), (" application/json ;x", true),
        ("application/json-rpc", false), ("text/json", false), ("application/*", false),
    ])
    func contentType(_ text: String, _ matches: Bool) throws {
        #expect(try #require(MediaType(ByteText(text))).matches("application/json") == matches)
    }

    @Test(arguments: ["", "json", "application/", "/json", "a/b/c", "application json", "a b/c", "; charset=utf-8"])
    func noContentType(_ text: String) { #expect(MediaType(ByteText(text)) == nil) }

    @Test func parameters() throws {
        let type = try #require(MediaType(ByteText("text/html; a=1; Charset=\"utf\\\"-8;x\" ; b=2")))
        #expect(type.parameter("charset")?.string == "utf\"-8;x")
        #expect(type.parameter("b")?.string == "2")
        #expect(type.parameter("c") == nil)
    }

    @Test(arguments: [
        ("application/json, text/event-stream", true), ("*/*", true), ("text/*", true), ("TEXT/Event-Stream", true),
        ("application/json", false), ("text/event-stream;q=0", false), ("text/event-stream;q=0.000", false),
        ("text/event-stream;q=0.001", true), ("text/*;q=0, */*", false), ("*/*;q=0, text/event-stream", true),
        ("text/event-stream;q=0, */*;q=1", false), ("text/event-stream; q=2", false), ("tex/*", false),
        ("text/event-stream;q=abc", false), ("", false), (",,", false), ("text", false), ("t/*", false),
        ("a/b;x=\",text/event-stream\"", false), ("text/event-stream;x=\"a,b\";q=0.5", true),
    ])
    func accept(_ value: String, _ expected: Bool) {
        #expect(accepts(Fields((.accept, value)), "text/event-stream") == expected)
    }

    @Test func acceptFieldsJoin() {
        #expect(accepts(.none, "a/b"))
        #expect(accepts(Fields((.accept, "a/a"), (.accept, "a/b")), "a/b"))
    }
}

@Suite struct FieldsTests {
    @Test func noResponseSplitting() {
        var fields = Fields()
        fields.append(.location, "/a\r\nSet-Cookie: x=\u{0}y" as String)
        #expect(fields.count == 1)
        #expect(fields[.location]?.string == "/a  Set-Cookie: x= y")
        #expect(!fields.contains(.setCookie))
    }

    @Test(arguments: [
        ("X-Api-Key", "abc", true), ("X Api", "a", false), ("", "a", false), ("X:", "a", false), ("X", "a\r\nb", false),
        ("X", "a\u{0}", false), ("X", "ü", true), ("content-length", "5", false),
        ("Transfer-Encoding", "chunked", false),
        ("Host", "a", false), ("connection", "close", false),
    ])
    func configured(_ name: String, _ value: String, _ isFine: Bool) {
        var fields = Fields()
        do throws(HTTPError) {
            try fields.append(checking: name, value)
            #expect(isFine)
            #expect(fields.first(name)?.string == value)
        } catch {
            #expect(!isFine && error.code == .badField)
            #expect(fields.isEmpty)
        }
    }

    @Test func dates() {
        func text(_ seconds: Int64) -> String { String(decoding: HTTPDate.format(unixSeconds: seconds), as: UTF8.self) }
        #expect(text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(text(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(text(4_107_542_399) == "Sun, 28 Feb 2100 23:59:59 GMT")
        #expect(text(253_402_300_799) == "Fri, 31 Dec 9999 23:59:59 GMT")
    }

    @Test func problemDocuments() {
        let response = problem(.notFound, detail: "no \"x\\\n", requestID: "r")
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == #"{"type":"about:blank","title":"Not Found","status":404,"detail":"no \"x\\ ","request_id":"r"}"#)
    }

    @Test(arguments: [
        ("http://a", "a", 80, "/"), ("HTTP://A.B:8080/x?y#z", "a.b", 8080, "/x?y"), ("http://[::1]/", "::1", 80, "/"),
        ("http://[FE80::1]:99?q", "fe80::1", 99, "/?q"), ("http://127.0.0.1:1", "127.0.0.1", 1, "/"),
        ("https://A/x", "a", 443, "/x"), ("HTTPS://a:8443?q", "a", 8443, "/?q"), ("https://[::1]", "::1", 443, "/"),
    ])
    func urls(_ text: String, _ host: String, _ port: Int, _ target: String) throws {
        let url = try HTTPURL(text)
        #expect(url.origin.host == host)
        #expect(Int(url.origin.port) == port)
        #expect(url.target == target)
    }

    @Test(arguments: [
        "https://", "https:///x", "https://u:p@a", "https://a:0", "ftp://a", "a", "", "http://", "http:///x",
        "http://u:p@a", "http://a:0", "http://a:99999", "http://a b", "http://a/x y", "http://a/ü", "http://[::1",
        "http://a:x",
    ])
    func badURLs(_ text: String) { #expect(throws: HTTPError.self) { try HTTPURL(text) } }

    @Test func targets() throws {
        func head(_ target: String) -> RequestHead? {
            var parser = RequestParser()
            return Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8).withUnsafeBytes { bytes in
                var offset = 0
                guard case .head(let head) = parser.next(bytes, &offset) else { return nil }
                return head
            }
        }
        let target = try #require(head("/x?a=1+2&b=%26%3d&c&b=3&%64=4&e=%zz&f=%ff")).target
        #expect(target.queryValue("a") == "1 2")
        #expect(target.queryValue("b") == "&=")
        #expect(target.queryValue("c") == "")
        #expect(target.queryValue("d") == "4")
        #expect(target.queryValue("e") == nil)
        #expect(target.queryValue("f") == nil)
        #expect(target.queryValue("g") == nil)
        #expect(target.raw.string.hasPrefix("/x?a=1"))
    }
}
