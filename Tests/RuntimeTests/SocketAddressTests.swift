import Base
import Testing

@testable import Runtime

@Suite struct SocketAddressTests {
    @Test(arguments: [
        ("127.0.0.1", SocketAddress.Range.loopback), ("127.255.255.255", .loopback), ("0.0.0.0", .unspecified),
        ("0.1.2.3", .unspecified), ("10.0.0.1", .private), ("172.16.0.1", .private), ("172.31.255.255", .private),
        ("172.32.0.0", .public), ("172.15.255.255", .public), ("192.168.4.5", .private), ("100.64.0.1", .private),
        ("100.128.0.1", .public), ("169.254.169.254", .linkLocal), ("224.0.0.1", .multicast), ("240.0.0.1", .reserved),
        ("255.255.255.255", .reserved), ("192.0.2.7", .reserved), ("198.51.100.7", .reserved),
        ("203.0.113.7", .reserved), ("198.18.0.1", .reserved), ("8.8.8.8", .public), ("1.1.1.1", .public),
        ("::", .unspecified), ("::1", .loopback), ("::2", .unspecified), ("::ffff:127.0.0.1", .loopback),
        ("::ffff:10.1.2.3", .private), ("::ffff:8.8.8.8", .public), ("::127.0.0.1", .loopback),
        ("::ffff:0:127.0.0.1", .loopback), ("64:ff9b::169.254.169.254", .linkLocal), ("64:ff9b::8.8.8.8", .public),
        ("64:ff9b:1::1", .private), ("2002:7f00:1::", .loopback), ("2002:808:808::1", .public), ("fc00::1", .private),
        ("fdff::1", .private), ("fe80::1", .linkLocal), ("febf::1", .linkLocal), ("fec0::1", .private),
        ("ff02::1", .multicast), ("2001:db8::1", .reserved), ("2001::1", .reserved), ("2001:2::1", .reserved),
        ("3fff::1", .reserved), ("4000::1", .reserved), ("2606:4700::1111", .public), ("2001:4860:4860::8888", .public),
    ])
    func rangeOf(_ ip: String, _ range: SocketAddress.Range) throws {
        let address = try #require(SocketAddress(ip: ip, port: 80))
        #expect(address.range == range)
    }

    @Test(arguments: [
        "", "localhost", "127.1", "0x7f.0.0.1", "127.0.0.1 ", "[::1]", "1.2.3.4.5", "::1%lo", "2130706433",
        "017700000001", "1.2.3.4\0", ":::",
    ])
    func otherSpellingsAreNoAddresses(_ text: String) {
        #expect(SocketAddress(ip: text, port: 1) == nil)
    }

    @Test func descriptions() throws {
        let v4 = try #require(SocketAddress(ip: "192.168.0.9", port: 65_535))
        #expect(v4.description == "192.168.0.9:65535")
        #expect(v4.with(port: 1).description == "192.168.0.9:1")
        let v6 = try #require(SocketAddress(ip: "0:0:0::1", port: 80))
        #expect(v6.description == "[::1]:80")
        #expect(v6.isIPv6 && v6.port == 80 && v6.ip == "::1")
        #expect(SocketAddress.unix("/x").description == "unix:/x")
        #expect(SocketAddress.unix("/x").path == "/x")
        #expect(SocketAddress.unix("/x").ip == nil)
    }

    @Test func systemFormIsTheSameAddress() throws {
        for ip in ["1.2.3.4", "2001:db8::42"] {
            let address = try #require(SocketAddress(ip: ip, port: 4_711))
            let back = address.withSystemAddress { SocketAddress(system: $0) }
            #expect(back == address)
        }
    }
}

@Suite struct ConnectingTests {
    @Test func refusedIsSaid() async throws {
        try await withLoop { loop in
            // A port that was free a moment ago.
            let address = try await loop.run { () throws(RuntimeError) in
                let listener = try Listener.tcp(anyPort, on: loop) { $0.close() }
                defer { listener.close() }
                return listener.address
            }
            let error = await #expect(throws: RuntimeError.self) { _ = try await loop.connect(to: address) }
            #expect(error == RuntimeError(.connectionRefused, address.description))
        }
    }

    @Test func namesAreResolvedAndChecked() async throws {
        try await withLoop { loop in
            let addresses = try await loop.resolve(host: "localhost", port: 81)
            #expect(!addresses.isEmpty && addresses.allSatisfy { $0.isLoopback && $0.port == 81 })
            #expect(try await loop.resolve(host: "::1", port: 5).map(\.description) == ["[::1]:5"])
            for bad in ["", "a b", String(repeating: "x", count: 254), "no-such-host.invalid"] {
                let error = await #expect(throws: RuntimeError.self) { _ = try await loop.resolve(host: bad, port: 1) }
                #expect(error?.code == .resolveFailed)
            }
            let refused = await #expect(throws: RuntimeError.self) {
                _ = try await loop.connect(host: "localhost", port: 81, allow: { !$0.isLoopback })
            }
            #expect(refused?.code == .permissionDenied)
        }
    }

    @Test func timeoutAndCancellation() async throws {
        try await withLoop { loop in
            // A full backlog: the kernel drops further connection requests, so that connecting hangs.
            let listener = try await loop.run { () throws(RuntimeError) in
                let listener = try Listener.tcp(anyPort, on: loop, backlog: 1) { $0.close() }
                listener.maxConnections = 0
                return listener
            }
            let address = await loop.run { listener.address }
            var open: [ByteStream] = []
            var error: RuntimeError?
            for _ in 0..<20 {
                do throws(RuntimeError) {
                    open.append(try await loop.connect(to: address, timeout: .milliseconds(50)))
                } catch let failure {
                    error = failure
                    break
                }
            }
            #expect(error == RuntimeError(.timedOut, address.description))
            let task = Task { _ = try await loop.connect(to: address, timeout: .hours(1)) }
            while await loop.run({ loop.timers.count }) == 0 { await Task.yield() }
            task.cancel()
            await #expect(throws: RuntimeError(.cancelled, address.description)) { try await task.value }
            let streams = open
            await loop.run {
                for stream in streams { stream.close() }
                listener.close()
            }
        }
    }
}

@Suite struct RuntimeErrorTests {
    @Test func everyMessageSaysWhatAndIsOneLine() {
        let codes: [RuntimeError.Code] = [
            .addressInUse, .permissionDenied, .addressNotAvailable, .notFound, .connectionRefused, .connectionReset,
            .unreachable, .timedOut, .resolveFailed, .processNotFound, .notExecutable, .tooManyOpenFiles,
            .writeBufferFull, .overloaded, .cancelled, .stopped, .invalidArgument, .other("ENOSPC"),
        ]
        for code in codes {
            let error = RuntimeError(code, "the context")
            #expect(error.message.contains("`the context`"))
            #expect(!error.message.contains("\n"))
            #expect(!RuntimeError(code).message.contains("``"))
        }
        #expect(Set(codes.map { RuntimeError($0).reason }).count == codes.count)
        #expect(RuntimeError(uv: -28, "disk").code == .other("ENOSPC"))
    }

    @Test(arguments: ["0.0.0.0", "127.0.0.1", "255.255.255.255", "10.100.9.99", "1.20.30.200"])
    func ipv4TextsComeBack(_ ip: String) throws {
        #expect(try #require(SocketAddress(ip: ip, port: 80)).ip == ip)
    }
}
