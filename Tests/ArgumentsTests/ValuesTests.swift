import Arguments
import Testing

private let program = Program(
    name: "tool", summary: "",
    commands: [
        Command(
            summary: "",
            options: [
                .value("n", "N", ""), .value("size", "SIZE", ""), .value("span", "SPAN", ""),
                .value("at", "A", ""),
            ],
            examples: [])
    ])

private func arguments(_ line: String...) throws -> Arguments {
    guard case .run(_, let arguments) = try program.parse(line) else {
        throw UsageError(.unknownCommand, "help")
    }
    return arguments
}

@Suite struct ValuesTests {
    @Test(arguments: [("1", 1), ("100", 100)])
    func numbers(text: String, number: Int) throws {
        #expect(try arguments("--n=\(text)").number("n", in: 1...100, default: 7) == number)
        #expect(try arguments().number("n", in: 1...100, default: 7) == 7)
    }

    @Test(arguments: ["0", "101", "1.0", "1e1", "", "x", "99999999999999999999", "-5"])
    func refusedNumbers(text: String) {
        #expect(throws: UsageError.self) {
            try arguments("--n=\(text)").number("n", in: 1...100, default: 7)
        }
    }

    @Test(arguments: [
        ("4096", 4096), ("64KiB", 65_536), ("4MiB", 4_194_304), ("1GiB", 1 << 30), ("5B", 5),
    ])
    func sizes(text: String, bytes: Int) throws {
        #expect(try arguments("--size=\(text)").bytes("size", in: 1...(1 << 30), default: 9) == bytes)
    }

    @Test(arguments: ["4MB", "MiB", "", "2GiB", "99999999999GiB", "-1", "1 MiB"])
    func refusedSizes(text: String) {
        #expect(throws: UsageError.self) {
            try arguments("--size=\(text)").bytes("size", in: 1...(1 << 30), default: 9)
        }
    }

    @Test(arguments: [
        ("90s", 90), ("15m", 900), ("6h", 21_600), ("30d", 2_592_000), ("2w", 1_209_600),
    ])
    func spans(text: String, seconds: Int) throws {
        #expect(
            try arguments("--span=\(text)").seconds("span", in: 1...5_000_000, default: 1) == seconds)
    }

    @Test(arguments: ["90", "s", "0s", "1.5h", "9999999999999999999d", "1y", "+1s", "", "90d"])
    func refusedSpans(text: String) {
        #expect(throws: UsageError.self) {
            try arguments("--span=\(text)").seconds("span", in: 1...5_000_000, default: 1)
        }
    }

    @Test(arguments: [
        ("127.0.0.1:7420", "127.0.0.1", 7420), ("[::1]:0", "::1", 0),
        ("localhost:65535", "localhost", 65535),
    ])
    func addresses(text: String, host: String, port: UInt16) throws {
        let address = try #require(ListenAddress(text))
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", ":80", "host", "host:", "host:65536", "::1:80", "host:-1", "ho st:80", "[]:80",
    ])
    func refusedAddresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
