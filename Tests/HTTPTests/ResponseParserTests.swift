import HTTP
import Testing

@Suite struct ResponseParserTests {
    struct Sample: Sendable {
        let text: String
        let reading: String
        var methods: [HTTPMethod] = [.get]
        var ends = false
    }

    static let samples = [
        Sample(
            text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            reading: "200 length(2) keep [Content-Length=2]\nbody hi\nend"),
        Sample(text: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", reading: "200 none keep [Content-Length=0]\nend"),
        Sample(text: "HTTP/1.1 204 No Content\r\n\r\n", reading: "204 none keep\nend"),
        Sample(
            text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            reading: "200 chunked keep [Transfer-Encoding=chunked]\nbody hi\nend"),
        Sample(
            text: "HTTP/1.1 200 OK\r\n\r\nall of it", reading: "200 untilClose close\nbody all of it\nend", ends: true),
        Sample(
            text: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
            reading: "200 length(1) close [Content-Length=1]\nbody x\nend"),
        Sample(
            text:
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Ünicode\r\nContent-Length: 1\r\n\r\nx",
            reading: "201 length(1) keep [Content-Length=1]\nbody x\nend"),
        Sample(
            text: "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", reading: "200 none keep [Content-Length=99]\nend",
            methods: [.head]),
        Sample(
            text: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: close\r\n\r\n",
            reading: "304 none close [Content-Length=9] [Connection=close]\nend"),
        Sample(
            text: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nb",
            reading:
                "200 length(1) keep [Content-Length=1]\nbody a\nend\n404 length(1) keep [Content-Length=1]\nbody b\nend",
            methods: [.get, .get]),
        Sample(
            text: "HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\nExpect: x\r\nContent-Length: 0\r\n\r\n",
            reading: "200 none keep [Host=a] [Host=b] [Expect=x] [Content-Length=0]\nend"),
    ]

    @Test(arguments: samples) func reads(_ sample: Sample) {
        let bytes = Array(sample.text.utf8)
        for pieces in [[bytes[...]]] + cuts(bytes) {
            let reading = Reading.responses(pieces, to: sample.methods, ends: sample.ends)
            #expect(reading.description == sample.reading)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 O\u{00}K\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "<html>hello\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "\u{15}\u{03}\u{03}", "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ])
    func refuses(_ text: String) {
        let bytes = Array(text.utf8)
        for pieces in [[bytes[...]]] + cuts(bytes) {
            #expect(Reading.responses(pieces, to: [.get]).problem != nil)
        }
    }

    @Test func refusesWhatNobodyAskedFor() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n"
        var machine = ClientConnectionMachine()
        machine.begin(.get, collecting: .always, maxBody: 10, isReused: false, isReplaySafe: true)
        Array(text.utf8).withUnsafeBytes { bytes in
            var offset = 0
            guard case .complete(_, let body, let reusable) = machine.next(bytes, &offset) else {
                Issue.record("not complete")
                return
            }
            #expect(body == Array("x".utf8))
            #expect(!reusable)
            guard case .close = machine.next(bytes, &offset) else {
                Issue.record("the bytes behind the answer were accepted")
                return
            }
        }
    }

    @Test func interimResponsesAreCapped() {
        let text = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 17) + "HTTP/1.1 204 x\r\n\r\n"
        #expect(Reading.responses([Array(text.utf8)[...]], to: [.get]).problem != nil)
    }
}
