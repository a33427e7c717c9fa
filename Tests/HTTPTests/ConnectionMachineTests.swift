import HTTP
import Testing

/// What the server's machine asks of its shell, with a service that answers everything at once.
@Suite struct ServerMachineTests {
    /// Runs a machine over pieces of input and writes down its actions.
    private func run(
        _ pieces: [ArraySlice<UInt8>], maxBody: Int = 100, refuses: Bool = false, drainsAfter: Int = .max
    ) -> [String] {
        var machine = ServerConnectionMachine()
        var log: [String] = []
        var body: String?
        for piece in pieces {
            piece.withUnsafeBytes { bytes in
                var offset = 0
                while true {
                    switch machine.next(bytes, &offset) {
                    case .needMore, .wait: return
                    case .close:
                        if log.last != "close" { log.append("close") }
                        return
                    case .admit(let head):
                        log.append("admit \(head.target.path)")
                        if refuses {
                            log.append(machine.refuse() ? "refused, close" : "refused")
                        } else {
                            machine.accept(maxBody: maxBody)
                        }
                    case .sendContinue: log.append("continue")
                    case .serve(let head, let bytes):
                        body = String(decoding: bytes, as: UTF8.self)
                        log.append("serve \(head.target.path) \(body ?? "")")
                        if log.count > drainsAfter { _ = machine.drain() }
                        log.append(machine.responseStarted() ? "answer, close" : "answer")
                        machine.responseEnded()
                    case .answerAndClose(let problem): log.append("problem \(problem.status.code)")
                    }
                }
            }
        }
        return log
    }

    private func check(
        _ text: String, _ expected: [String], maxBody: Int = 100, refuses: Bool = false, drainsAfter: Int = .max
    ) {
        let bytes = Array(text.utf8)
        for pieces in [[bytes[...]]] + cuts(bytes) {
            let log = run(pieces, maxBody: maxBody, refuses: refuses, drainsAfter: drainsAfter)
            // Whether 100 is still worth sending depends on what has come: that alone may differ.
            #expect(log.filter { $0 != "continue" } == expected)
        }
    }

    @Test func answersInOrderAndStopsAtClose() {
        let get = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        let post = "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        let last = "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        check(
            get + post + last + get,
            [
                "admit /1", "serve /1 ", "answer", "admit /2", "serve /2 hi", "answer", "admit /3", "serve /3 ",
                "answer, close", "close",
            ])
        check("GET /1 HTTP/1.0\r\n\r\n" + get, ["admit /1", "serve /1 ", "answer, close", "close"])
    }

    @Test func nothingAfterAFramingErrorIsRead() {
        let smuggle = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        check(
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(smuggle)",
            ["problem 400", "close"])
        check(
            "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n\(smuggle)",
            ["admit /1", "problem 400", "close"])
    }

    @Test func bodiesOverTheLimit() {
        check(
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", ["admit /1", "problem 413", "close"],
            maxBody: 4)
        check(
            "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            ["admit /1", "problem 413", "close"], maxBody: 4)
    }

    @Test func continueIsSentOnlyIfTheBodyIsNotComing() {
        let head = "PUT /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        let waiting = [Array(head.utf8)[...], Array("hi".utf8)[...]]
        #expect(run(waiting) == ["admit /1", "continue", "serve /1 hi", "answer"])
        #expect(run([Array((head + "hi").utf8)[...]]) == ["admit /1", "serve /1 hi", "answer"])
        #expect(run(waiting, maxBody: 1) == ["admit /1", "problem 413", "close"])
        #expect(run(waiting, refuses: true) == ["admit /1", "refused, close", "close"])
    }

    @Test func refusedRequests() {
        let post = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        let get = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        check(post + get + post, ["admit /1", "refused", "admit /2", "refused", "admit /1", "refused"], refuses: true)
        let chunked = "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        check(chunked + get, ["admit /1", "refused, close", "close"], refuses: true)
        let long = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"
        check(long + get, ["admit /1", "refused, close", "close"], refuses: true)
    }

    @Test func draining() {
        let get = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        check(get + get, ["admit /1", "serve /1 ", "answer, close", "close"], drainsAfter: 1)
        var idle = ServerConnectionMachine()
        let idleEnds = idle.drain()
        #expect(idleEnds)
        var inside = ServerConnectionMachine()
        Array("GET".utf8).withUnsafeBytes {
            var offset = 0
            _ = inside.next($0, &offset)
        }
        let insideEnds = inside.drain()
        #expect(!insideEnds)
        #expect(inside.deadline == .head)
    }

    @Test func clocks() {
        func machine(after text: String) -> ServerConnectionMachine {
            var machine = ServerConnectionMachine()
            Array(text.utf8).withUnsafeBytes { bytes in
                var offset = 0
                while true {
                    switch machine.next(bytes, &offset) {
                    case .admit: machine.accept(maxBody: 100)
                    case .sendContinue: break
                    default: return
                    }
                }
            }
            return machine
        }
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
        for (text, deadline, problem) in [
            ("", .idle, nil), ("PO", .head, .headTimeout), (head, .body, .bodyTimeout),
            (head + "h", .body, .bodyTimeout),
            (head + "hi", .none, nil),
        ] as [(String, ServerConnectionMachine.Deadline, HTTPProblem?)] {
            var machine = machine(after: text)
            #expect(machine.deadline == deadline)
            #expect(machine.timedOut() == problem)
            #expect(machine.deadline == .none)
        }
    }
}

/// A body is given up when a part of it, or all of it together, takes too long.
@Suite struct BodyClockTests {
    /// Bytes arrive at times (in µs); gives when the timer of 30 for each 16 KiB and 60 for all rings, nil if never.
    private func rings(_ arrivals: [(time: Int64, bytes: Int)], until: Int64) -> Int64? {
        var clock = BodyClock(perStep: 30, total: 60)
        var size = 0
        var due = clock.start(size: 0, now: 0)
        for arrival in arrivals {
            if due <= arrival.time { return due }
            size += arrival.bytes
            if let left = clock.progress(size: size, now: arrival.time) { due = arrival.time + left }
        }
        return due <= until ? due : nil
    }

    @Test func aSteadyDripHasAnEnd() {
        #expect(rings([], until: 100) == 30)
        #expect(rings((1...99).map { ($0, 1) }, until: 100) == 30)
        // Just enough for the first clock, for ever.
        #expect(rings((1...99).map { ($0, 600) }, until: 100) == 60)
        #expect(rings([(29, 16_384), (58, 16_384)], until: 100) == 60)
        #expect(rings([(29, 16_383), (58, 1)], until: 100) == 30)
        #expect(rings([(10, 16_384), (20, 16_384)], until: 49) == nil)
    }
}

/// Whether a failed request may be repeated, and what its error says of its fate.
@Suite struct ClientMachineTests {
    struct Loss: Sendable {
        let isReused: Bool
        let isSent: Bool
        let answer: String
        let isReplaySafe: Bool
        let mayRetry: Bool
        let fate: HTTPClientError.Fate
    }

    @Test(arguments: [
        Loss(isReused: true, isSent: false, answer: "", isReplaySafe: false, mayRetry: true, fate: .notSent),
        Loss(isReused: true, isSent: true, answer: "", isReplaySafe: true, mayRetry: true, fate: .fateUnknown),
        Loss(isReused: true, isSent: true, answer: "", isReplaySafe: false, mayRetry: false, fate: .fateUnknown),
        Loss(isReused: false, isSent: true, answer: "", isReplaySafe: true, mayRetry: false, fate: .fateUnknown),
        Loss(isReused: false, isSent: false, answer: "", isReplaySafe: true, mayRetry: false, fate: .notSent),
        Loss(isReused: true, isSent: true, answer: "H", isReplaySafe: true, mayRetry: false, fate: .fateUnknown),
    ])
    func lostConnections(_ loss: Loss) {
        var machine = ClientConnectionMachine()
        machine.begin(
            .post, collecting: .always, maxBody: 10, isReused: loss.isReused, isReplaySafe: loss.isReplaySafe)
        if loss.isSent { machine.requestSent() }
        Array(loss.answer.utf8).withUnsafeBytes {
            var offset = 0
            _ = machine.next($0, &offset)
        }
        let failure = machine.lost(.connectionLost, "x")
        #expect(failure.mayRetry == loss.mayRetry)
        #expect(failure.fate == loss.fate)
    }

    @Test func aTimeoutIsNeverRetried() {
        var machine = ClientConnectionMachine()
        machine.begin(.get, collecting: .always, maxBody: 10, isReused: true, isReplaySafe: true)
        machine.requestSent()
        #expect(!machine.lost(.headTimeout, "x").mayRetry)
    }

    @Test func bodiesOverTheLimit() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n01234567890",
        ] {
            var machine = ClientConnectionMachine()
            machine.begin(.get, collecting: .always, maxBody: 10, isReused: false, isReplaySafe: true)
            machine.requestSent()
            Array(text.utf8).withUnsafeBytes { bytes in
                var offset = 0
                guard case .failed(let failure) = machine.next(bytes, &offset) else {
                    Issue.record("accepted")
                    return
                }
                #expect(failure.code == .bodyTooLarge)
                #expect(!failure.mayRetry)
            }
        }
    }

    @Test func onlyEventStreamsAreHandedOut() {
        for (type, isStream) in [
            ("text/event-stream", true), ("Text/Event-Stream; charset=utf-8", true), ("text/plain", false),
        ] {
            var machine = ClientConnectionMachine()
            machine.begin(.get, collecting: .unlessEventStream, maxBody: 10, isReused: false, isReplaySafe: true)
            let text = "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: 2\r\n\r\nhi"
            Array(text.utf8).withUnsafeBytes { bytes in
                var offset = 0
                switch machine.next(bytes, &offset) {
                case .stream: #expect(isStream)
                case .complete: #expect(!isStream)
                default: Issue.record("neither")
                }
            }
        }
    }
}
