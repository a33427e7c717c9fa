import Base
import JSON

@testable import Scanner

/// A file that names servers: a client's configuration in JSON with comments or in TOML, or the registry's page. Whatever it
/// holds, it is read or refused in the same way each time, places are inside it, and nothing secret of it is shown.
func fuzzConfigurations(_ bytes: [UInt8]) {
    let lines = bytes.count(where: { $0 == 0x0A }) + 1
    let plain = PlainJSON.bytes(bytes)
    expect(plain.count == bytes.count, "making it strict has moved bytes")
    if !bytes.starts(with: [0xEF, 0xBB, 0xBF]), (try? JSONDocument.parse(bytes)) != nil {
        expect(plain == bytes, "strict JSON was changed")
    }
    for name in ["c.json", "c.toml", "c"] {
        let (first, again) = (read(bytes, name), read(bytes, name))
        switch (first, again) {
        case (.success(let servers), .success(let others)):
            expect(servers.map(\.shown) == others.map(\.shown), "read twice it is another")
            for server in servers { check(server, lines) }
        case (.failure(let error), .failure(let other)):
            expect(error == other, "refused twice for other reasons")
            expect(!error.message.isEmpty && !error.mend.isEmpty, "refused without a word")
        default: fail("read once and refused once")
        }
    }
    if let entry = try? RegistryEntry.read(bytes, name: "server.json") {
        for way in entry.ways { check(way, lines) }
    }
}

private func read(_ bytes: [UInt8], _ name: String) -> Result<[NamedServer], ScanError> {
    Result { () throws(ScanError) in try ClientConfiguration.servers(in: bytes, name: name) }
}

private func check(_ server: NamedServer, _ lines: Int) {
    expect((1...lines).contains(server.line), "\(server.name) stands on line \(server.line) of \(lines)")
    let shown = server.shown
    // Shorter ones can't be told from words; what holds the mark itself may be put together by taking others out.
    for secret in server.secrets where secret.utf8.count >= 6 && !Redaction.mark.contains(where: secret.contains) {
        expect(!shown.contains(secret), "\(server.name) shows a secret")
    }
    let (transport, missing) = server.transport(environment: { $0.count % 2 == 0 ? "v" : nil }, folder: "/w")
    expect(transport != nil || missing != nil, "\(server.name) can't be reached, and nothing says why")
}
