import Base
import Glibc
import Testing

@testable import Runtime

@Suite struct ListenerTests {
    @Test func aTakenPortIsNamed() async throws {
        try await withLoop { loop in
            let address = try await loop.run { () throws(RuntimeError) in
                try Listener.tcp(anyPort, on: loop) { $0.close() }
            }
            .address
            let error = await #expect(throws: RuntimeError.self) {
                try await loop.run { () throws(RuntimeError) in _ = try Listener.tcp(address, on: loop) { $0.close() } }
            }
            #expect(error == RuntimeError(.addressInUse, address.description))
            #expect(error?.message.contains("choose another port") == true)
            let group = try EventLoopGroup(count: 2)
            let shared = await #expect(throws: RuntimeError.self) {
                _ = try await Listener.tcpOnEvery(group, address) { $0.close() }
            }
            #expect(shared?.code == .addressInUse)
            group.stop()
            group.join()
        }
    }

    @Test func aForeignAddressIsNamed() async throws {
        try await withLoop { loop in
            let foreign = try #require(SocketAddress(ip: "192.0.2.1", port: 0))
            let error = await #expect(throws: RuntimeError.self) {
                try await loop.run { () throws(RuntimeError) in _ = try Listener.tcp(foreign, on: loop) { $0.close() } }
            }
            #expect(error?.code == .addressNotAvailable)
        }
    }

    @Test func everyLoopAccepts() async throws {
        let group = try EventLoopGroup(count: 3)
        defer {
            group.stop()
            group.join()
        }
        let seen = Record<String>()
        let set = try await Listener.tcpOnEvery(group, anyPort) { stream in
            seen.note(EventLoop.current?.name ?? "none")
            stream.start(delegate: Peer(stream, echoes: true))
        }
        #expect(set.address.port != 0)
        var peers: [Peer] = []
        for _ in 0..<60 {
            let peer = Peer(try await group.next().connect(to: set.address))
            await peer.start()
            await peer.write("hello")
            peers.append(peer)
        }
        for peer in peers { #expect(await peer.receive(5) == Array("hello".utf8)) }
        #expect(await set.connections() == 60)
        // The kernel shares out by a hash of the addresses: 60 connections all on one loop would be a wonder.
        #expect(Set(await seen.wait(for: 60)).count > 1)
        for peer in peers { await peer.finish() }
        for peer in peers { _ = await peer.untilEnd() }
        for peer in peers { await peer.close() }
        for peer in peers { _ = await peer.untilClosed() }
        await set.close()
        let error = await #expect(throws: RuntimeError.self) { _ = try await group.next().connect(to: set.address) }
        #expect(error?.code == .connectionRefused)
        #expect(error?.context == set.address.description)
    }

    @Test func newcomersWaitAboveTheCap() async throws {
        try await withLoop { loop in
            let accepted = Record<Peer>()
            let listener = try await loop.run { () throws(RuntimeError) in
                let listener = try Listener.tcp(anyPort, on: loop) { stream in
                    let peer = Peer(stream)
                    stream.start(delegate: peer)
                    accepted.note(peer)
                }
                listener.maxConnections = 1
                return listener
            }
            let address = await loop.run { listener.address }
            let first = try await loop.connect(to: address)
            let second = try await loop.connect(to: address)
            let server = await accepted.wait(for: 1)[0]
            #expect(await loop.run { listener.connections } == 1)
            await server.close()
            #expect(await accepted.wait(for: 2).count == 2)
            #expect(await loop.run { listener.connections } == 1)
            await loop.run {
                first.close()
                second.close()
                listener.close()
            }
        }
    }

    @Test func unixSocket() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gate.sock"
        try await withLoop { loop in
            let accepted = Record<Peer>()
            let listener = try await loop.run { () throws(RuntimeError) in
                try Listener.unix(path: path, on: loop) { stream in
                    let peer = Peer(stream, echoes: true)
                    stream.start(delegate: peer)
                    accepted.note(peer)
                }
            }
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
            let client = Peer(try await loop.connect(to: .unix(path)))
            await client.start()
            await client.write("through a file")
            #expect(await client.receive(14).count == 14)
            #expect(await client.remote == .unix(path))
            let taken = await #expect(throws: RuntimeError.self) {
                try await loop.run { () throws(RuntimeError) in
                    _ = try Listener.unix(path: path, on: loop) { $0.close() }
                }
            }
            #expect(taken?.code == .addressInUse)
            await client.close()
            await loop.run { listener.close() }
            #expect(access(path, F_OK) != 0)
            let gone = await #expect(throws: RuntimeError.self) { _ = try await loop.connect(to: .unix(path)) }
            #expect(gone == RuntimeError(.notFound, "unix:\(path)"))
            // A file that a crashed program left behind is replaced.
            let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(bound == 0)
            Glibc.close(left)
            try await loop.run { () throws(RuntimeError) in
                try Listener.unix(path: path, on: loop) { $0.close() }.close()
            }
            let long = await #expect(throws: RuntimeError.self) {
                try await loop.run { () throws(RuntimeError) in
                    _ = try Listener.unix(path: "/" + String(repeating: "x", count: 107), on: loop) { $0.close() }
                }
            }
            #expect(long?.code == .invalidArgument)
        }
    }
}

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/runtime-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw RuntimeError(.other("mkdtemp")) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            unlink(path + "/" + name)
        }
        closedir(folder)
        rmdir(path)
    }

    func write(_ name: String, _ text: String) throws {
        guard let file = fopen(path + "/" + name, "w") else { throw RuntimeError(.notFound, name) }
        fputs(text, file)
        fclose(file)
    }
}
