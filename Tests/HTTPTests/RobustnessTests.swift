import HTTP
import Testing

/// A small generator of numbers that are the same in every run (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}

/// Damages messages in ways that parsers trip over.
struct Mutator {
    var numbers: SeededNumbers
    let corpus: [[UInt8]]

    private static let fragments: [[UInt8]] = [
        "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", ":", "\u{0}", "0\r\n\r\n", "Content-Length: 5\r\n", "chunked",
        "Transfer-Encoding: chunked\r\n", "Host: b\r\n", ",", ";", "%", "%2e", "/../", "HTTP/1.1", "http://",
        "ffffffffffffffff",
        "\u{7F}", "-1", "+", "data: ", "\u{FEFF}", "Connection: close\r\n", "Expect: 100-continue\r\n",
        "18446744073709551616",
    ].map { Array($0.utf8) }

    mutating func message() -> [UInt8] {
        var bytes = pick(corpus)
        if below(4) == 0 { bytes += pick(corpus) }
        for _ in 0..<below(4) { mutate(&bytes) }
        return bytes
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let index = below(bytes.count)
        switch below(7) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: numbers.next())
        case 1: bytes[index] ^= 1 << UInt8(below(8))
        case 2: bytes.remove(at: index)
        case 3: bytes.insert(contentsOf: pick(Self.fragments), at: index)
        case 4: bytes.removeSubrange(index..<min(bytes.count, index + 1 + below(12)))
        case 5:
            bytes.insert(contentsOf: bytes[index..<min(bytes.count, index + 1 + below(40))], at: below(bytes.count + 1))
        default: bytes.removeLast(below(bytes.count))
        }
    }

    /// Some cuts of the bytes, in order.
    mutating func pieces(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        let marks = ([0, bytes.count] + (0..<(1 + below(4))).map { _ in below(bytes.count + 1) }).sorted()
        return zip(marks, marks.dropFirst()).map { bytes[$0..<$1] }
    }

    mutating func below(_ bound: Int) -> Int { Int(numbers.next() % UInt64(bound)) }

    private mutating func pick(_ list: [[UInt8]]) -> [UInt8] { list[below(list.count)] }
}

@Suite struct RobustnessTests {
    /// As many good ones as bad ones.
    private static let requests: [[UInt8]] = {
        let good = requestSamples.map { Array($0.text.utf8) }
        let bad = badRequests.map { Array($0.text.utf8) }
        return Array(repeating: good, count: bad.count / good.count).flatMap { $0 } + bad
    }()

    @Test(arguments: 1...4) func damagedRequests(_ seed: UInt64) {
        var mutator = Mutator(numbers: SeededNumbers(seed: seed), corpus: Self.requests)
        var limits = HTTPLimits()
        limits.headerSection = 200
        limits.requestLine = 60
        limits.fields = 6
        limits.maxBody = 40
        var accepted = 0
        var refused = 0
        for _ in 0..<5_000 {
            let bytes = mutator.message()
            let whole = Reading.requests([bytes[...]], limits: limits)
            let cut = Reading.requests(mutator.pieces(bytes), limits: limits)
            guard whole == cut else {
                Issue.record(
                    "cut differently, read differently: \(String(decoding: bytes, as: UTF8.self).debugDescription)")
                return
            }
            // What was read of the beginning stays true, whatever comes behind it.
            let part = Reading.requests([bytes[..<mutator.below(bytes.count + 1)]], limits: limits)
            #expect(part.problem != nil || whole.lines.starts(with: part.lines))
            if whole.problem != nil { refused += 1 } else { accepted += whole.lines.count { $0 == "end" } }
            check(bytes, limits)
        }
        // The damage must leave both kinds, or the test says nothing.
        #expect(accepted > 500 && refused > 1_000)
    }

    /// What every accepted head promises to those who read it.
    private func check(_ bytes: [UInt8], _ limits: HTTPLimits) {
        var parser = RequestParser(limits: limits)
        bytes.withUnsafeBytes { input in
            var offset = 0
            while true {
                switch parser.next(input, &offset) {
                case .needMore, .failed: return
                case .body, .end: continue
                case .head(let head):
                    let path = Array(head.target.path.bytes)
                    #expect(path.first == UInt8(ascii: "/") || head.target.isAsterisk)
                    #expect(!path.contains { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") })
                    #expect(!path.split(separator: UInt8(ascii: "/")).contains { $0 == [0x2E] || $0 == [0x2E, 0x2E] })
                    #expect(String(validating: path, as: UTF8.self) != nil)
                    #expect(head.version == .http10 || head.fields.count(of: .host) == 1)
                    #expect(head.fields.count(of: .contentLength) + head.fields.count(of: .transferEncoding) <= 1)
                    #expect(head.fields.count <= limits.fields)
                    for index in 0..<head.fields.count {
                        #expect(!head.fields.value(at: index).bytes.contains { $0 == 0 || $0 == 10 || $0 == 13 })
                    }
                    _ = parser.acceptBody(limit: limits.maxBody)
                }
            }
        }
    }

    @Test(arguments: 1...2) func damagedResponses(_ seed: UInt64) {
        let corpus = ResponseParserTests.samples.map { Array($0.text.utf8) }
        var mutator = Mutator(numbers: SeededNumbers(seed: seed), corpus: corpus)
        for _ in 0..<4_000 {
            let bytes = mutator.message()
            let methods: [HTTPMethod] = [mutator.below(4) == 0 ? .head : .get, .get]
            let whole = Reading.responses([bytes[...]], to: methods, ends: true)
            let cut = Reading.responses(mutator.pieces(bytes), to: methods, ends: true)
            guard whole == cut else {
                Issue.record(
                    "cut differently, read differently: \(String(decoding: bytes, as: UTF8.self).debugDescription)")
                return
            }
        }
    }

    @Test func damagedEventStreams() {
        let corpus = [
            "data: a\n\n", "event: x\r\nid: 7\r\nretry: 10\r\ndata: {}\r\n\r\n", ": c\rdata: b\r\r",
            "\u{FEFF}data\ndata: é\n\n",
        ].map { Array($0.utf8) }
        var mutator = Mutator(numbers: SeededNumbers(seed: 7), corpus: corpus)
        func read(_ pieces: [ArraySlice<UInt8>]) -> [SSEEvent] {
            var parser = SSEParser(maxEvent: 60)
            var events: [SSEEvent] = []
            do throws(HTTPError) {
                for piece in pieces { try parser.feed(piece) { events.append($0) } }
            } catch {}
            return events
        }
        for _ in 0..<5_000 {
            let bytes = mutator.message()
            let events = read([bytes[...]])
            #expect(events == read(mutator.pieces(bytes)))
            // What is read can be written and read again. A lone CR in data is a line end, so it comes back as LF.
            var wire: [UInt8] = []
            for event in events { event.write(to: &wire) }
            #expect(readAgain(wire) == events)
        }
    }

    private func readAgain(_ bytes: [UInt8]) -> [SSEEvent] {
        var parser = SSEParser()
        var events: [SSEEvent] = []
        do throws(HTTPError) { try parser.feed(bytes) { events.append($0) } } catch { return [] }
        return events
    }
}
