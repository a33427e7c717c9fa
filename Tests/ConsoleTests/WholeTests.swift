import Base
import Gateway
import HTTP
import JSON
import Runtime
import Store
import StoreSQLite
import Support
import Testing

@testable import Console

/// The admin plane on a real socket, over a real database.
@Suite struct WholeTests {
    @Test func overSQLiteAndASocket() async throws {
        let place = try TemporaryFolder()
        let folder = try DataDirectory.open(place.path + "/data")
        let admin = try folder.configuration.createAdminToken(label: "me", role: .admin, expires: nil)
        try folder.configuration.addServer(
            Server(
                name: "tickets", transport: .http(url: "https://tickets.example.com/mcp", headers: []),
                created: EventLoop.wallNow))
        let bytes = Array("{\"version\":\"1\"}".utf8)
        _ = try folder.configuration.putPolicy("careful", server: "tickets", bytes: bytes)
        let grant = try folder.configuration.createGrant(
            GrantRequest(server: "tickets", policy: "careful", label: "laptop"))
        let ledger = try folder.openLedger()
        defer { ledger.close() }
        for number in 1...5 {
            var row = LedgerRow(
                time: EventLoop.wallNow, requestID: "r\(number)", outcome: number == 3 ? .denied : .allowed)
            row.server = "tickets"
            row.tool = "read"
            _ = try await ledger.append(row)
        }
        let group = try EventLoopGroup(count: 2)
        defer {
            group.stop()
            group.join()
        }
        let listen = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
        let plane = try await AdminPlane.start(
            ConsoleOptions(listen: listen, version: "1", dataPlane: "127.0.0.1:7420"),
            of: AdminSubject(
                store: folder.configuration, observations: folder.configuration, hasher: folder.hasher, ledger: ledger,
                reader: try folder.ledgerReader(),
                verifier: try folder.ledgerReader(), metrics: GatewayMetrics()),
            on: group, log: Log { _, _, _ in })
        let loop = group.next()
        let client = await loop.run { HTTPClient(on: loop) }
        let base = "http://\(plane.address)"
        func ask(_ method: HTTPMethod, _ path: String, _ token: String) async throws -> (status: Int, body: [UInt8]) {
            let request = ClientRequest(
                method, try HTTPURL(base + path, allowPrivate: true),
                fields: Fields((.authorization, "Bearer \(token)")))
            let answer = try await Task(executorPreference: loop) { try await client.send(request) }.value
            return (Int(answer.head.status.code), answer.body)
        }
        let token = admin.token.revealed
        #expect(try await ask(.get, "/api/v1/status", "sla_wrong").status == 401)
        let page = try JSONDocument.parse(try await ask(.get, "/api/v1/decisions?outcome=allowed&limit=3", token).body)
        #expect(page.root["decisions"]?.elements.compactMap { $0["seq"]?.int } == [5, 4, 2])
        let policy = try await ask(.get, "/api/v1/policies/careful", token)
        #expect(policy.body == bytes)
        let verdict = try JSONDocument.parse(try await ask(.get, "/api/v1/ledger/verify", token).body)
        #expect(verdict.root["intact"]?.bool == true && verdict.root["checked"]?.int == 5)
        #expect(try await ask(.post, "/api/v1/grants/\(grant.grant.id)/revoke", token).status == 200)
        #expect(try folder.configuration.grant(grant.grant.id).revoked != nil)
        // Another process may end the token; that counts with the next request.
        _ = try folder.configuration.revokeAdminToken(admin.adminToken.id)
        #expect(try await ask(.get, "/api/v1/status", token).status == 401)
        await loop.run { client.close() }
        await plane.drain()
    }
}
