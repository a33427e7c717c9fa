import Testing

@testable import HTTP

@Suite struct RequestParserTests {
    @Test(arguments: requestSamples) func reads(_ sample: RequestSample) {
        #expect(Reading.requests(sample.text).description == sample.reading)
    }

    @Test(arguments: requestSamples) func readsHoweverCut(_ sample: RequestSample) {
        for pieces in cuts(Array(sample.text.utf8)) {
            #expect(Reading.requests(pieces).description == sample.reading)
        }
    }

    @Test func readsOneBehindTheOther() {
        for first in requestSamples {
            for second in requestSamples {
                let bytes = Array((first.text + second.text).utf8)
                let expected = first.reading + "\n" + second.reading
                #expect(Reading.requests([bytes[...]]).description == expected)
                #expect(Reading.requests(bytes.indices.map { bytes[$0...$0] }).description == expected)
            }
        }
    }

    /// A head that comes again is not read again: that must not be seen, whatever changes in it.
    @Test func readsAHeadThatComesAgainLikeAFreshOne() {
        let base = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: 1\r\n\r\n"
        let lengths = ["3", "5", "0", "9", "12", "007", "1a", "-1", "+3", "", " 3", "3 ", "3, 3"]
        var seconds = lengths.map { base.replacing("Length: 3", with: "Length: \($0)") }
        for index in base.indices { seconds.append(base.replacingCharacters(at: index, with: "~")) }
        seconds.append("\r\n" + base)
        seconds.append(base.replacing("\r\n\r\n", with: "\r\nContent-Length: 3\r\n\r\n"))
        seconds.append(base.replacing("\r\n\r\n", with: "\r\nExpect: 100-continue\r\n\r\n"))
        for second in seconds {
            let body = "0123456789ab"
            let fresh = Reading.requests(second + body)
            let again = Reading.requests(base + "abc" + second + body)
            #expect(again.lines.dropFirst(3).elementsEqual(fresh.lines), "\(second)")
            #expect(again.problem == fresh.problem, "\(second)")
        }
    }

    @Test func knowsHeadsThatSayTheSame() {
        func heads(_ text: String) -> [RequestHead] {
            var parser = RequestParser()
            var heads: [RequestHead] = []
            Array(text.utf8).withUnsafeBytes { bytes in
                var offset = 0
                while true {
                    switch parser.next(bytes, &offset) {
                    case .head(let head):
                        heads.append(head)
                        _ = parser.acceptBody(limit: 1024)
                    case .body, .end: break
                    case .needMore, .failed: return
                    }
                }
            }
            return heads
        }
        func post(_ body: String, _ token: String = "a") -> String {
            "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: \(token)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        let read = heads(post("abc") + post("abc") + post("abcde") + post("abc", "b") + post("abc", "b"))
        #expect(read.count == 5)
        #expect(read[0] === read[1] && read[0].likeness === read[2].likeness)
        #expect(read[2].bodyLength == .length(5) && read[2].fields[.contentLength]?.string == "5")
        #expect(read[2].likeness !== read[3].likeness && read[3].likeness === read[4].likeness)
        #expect(read[3].fields[.authorization]?.string == "b")
    }

    @Test(arguments: badRequests) func refuses(_ bad: BadRequest) {
        let whole = Reading.requests(bad.text)
        #expect(whole.problem.map { "\($0)" } == bad.problem)
        #expect(whole.status == bad.status)
        for pieces in cuts(Array(bad.text.utf8)) {
            #expect(Reading.requests(pieces) == whole)
        }
    }

    @Test func cutOffIsNeverTakenForWhole() {
        for sample in requestSamples {
            let bytes = Array(sample.text.utf8)
            for count in 0..<bytes.count {
                let reading = Reading.requests([bytes[..<count]])
                #expect(reading.problem == nil && reading.lines.last != "end", "\(sample.name) \(count)")
            }
        }
    }

    @Test func limits() {
        var limits = HTTPLimits()
        limits.requestLine = 40
        limits.headerSection = 60
        limits.fields = 3
        limits.maxBody = 10
        limits.chunkExtensions = 8
        limits.trailers = 12
        func problem(_ text: String) -> HTTPProblem? {
            let whole = Reading.requests(text, limits: limits)
            for pieces in cuts(Array(text.utf8)) {
                #expect(Reading.requests(pieces, limits: limits) == whole)
            }
            return whole.problem
        }
        func path(_ count: Int) -> String { "/" + String(repeating: "a", count: count - 1) }
        #expect(problem("GET \(path(27)) HTTP/1.1\r\nHost: a\r\n\r\n") == nil)
        #expect(problem("GET \(path(28)) HTTP/1.1\r\nHost: a\r\n\r\n") == .targetTooLong)
        #expect(problem("GET \(path(100))") == .targetTooLong)
        let head = "GET / HTTP/1.1\r\nHost: a\r\n"
        func line(_ count: Int) -> String { "X: " + String(repeating: "b", count: count - 5) + "\r\n" }
        #expect(problem("\(head)\(line(49))\r\n") == nil)
        #expect(problem("\(head)\(line(50))\r\n") == .fieldsTooLarge)
        #expect(problem("\(head)X: \(path(100))") == .fieldsTooLarge)
        #expect(problem("\(head)A:\r\nB:\r\n\r\n") == nil)
        #expect(problem("\(head)A:\r\nB:\r\nC:\r\n\r\n") == .tooManyFields)
        let post = "POST / HTTP/1.1\r\nHost: a\r\n"
        #expect(problem("\(post)Content-Length: 10\r\n\r\n0123456789") == nil)
        #expect(problem("\(post)Content-Length: 11\r\n\r\n") == .bodyTooLarge)
        let chunked = "\(post)Transfer-Encoding: chunked\r\n\r\n"
        #expect(problem("\(chunked)5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n") == nil)
        #expect(problem("\(chunked)5\r\n01234\r\n6\r\n") == .bodyTooLarge)
        #expect(problem("\(chunked)fffffffffffffff\r\n") == .bodyTooLarge)
        #expect(problem("\(chunked)1;abc\r\n0\r\n1;abc\r\n0\r\n0\r\n\r\n") == nil)
        #expect(problem("\(chunked)1;abc\r\n0\r\n1;abcd\r\n0\r\n0\r\n\r\n") == .chunkExtensionTooLarge)
        #expect(problem("\(chunked)0\r\nA: b\r\nC: d\r\n\r\n") == nil)
        #expect(problem("\(chunked)0\r\nA: b\r\nC: de and more\r\n\r\n") == .malformedTrailer)
    }

    @Test func fieldsKeepOrderAndBytes() throws {
        var parser = RequestParser()
        let text = Array("GET / HTTP/1.1\r\nhOsT: a\r\nX-A: 1\r\nx-b: 2\r\nX-a: 3\r\n\r\n".utf8)
        let head = try #require(
            text.withUnsafeBytes { bytes -> RequestHead? in
                var offset = 0
                guard case .head(let head) = parser.next(bytes, &offset) else { return nil }
                return head
            })
        #expect(head.fields[.host]?.string == "a")
        #expect(head.fields[FieldName("X-A")]?.string == "1")
        #expect(head.fields.all(FieldName("x-a")).map(\.string) == ["1", "3"])
        #expect(head.fields.count(of: FieldName("X-B")) == 1)
        #expect(head.fields.first("X-B")?.string == "2")
        #expect(!head.fields.contains(.accept))
        #expect(head.fields.name(at: 0).string == "hOsT")
    }
}

extension String {
    fileprivate func replacing(_ part: String, with other: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }

    fileprivate func replacingCharacters(at index: Index, with other: String) -> String {
        String(self[..<index]) + other + String(self[self.index(after: index)...])
    }
}
