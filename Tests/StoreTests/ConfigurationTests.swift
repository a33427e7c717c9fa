import Base
import Glibc
import Store
import StoreSQLite
import Support
import Testing

struct ConfigurationTests {
    private let now = Instant(microseconds: 1_700_000_000_000_000)

    // MARK: Servers

    @Test func aServerComesBackAsItWasPut() throws {
        let fixture = try Fixture()
        let http = Server(
            name: "remote",
            transport: .http(
                url: "https://example.org/mcp",
                headers: [NamedSecret(name: "Authorization", value: Secret("Bearer tøp \"secret\""))]),
            allowPrivate: true, created: now)
        let stdio = Server(
            name: "local",
            transport: .stdio(
                command: ["/usr/bin/env", "a b", "", "ü"], inherit: ["PATH", "HOME"],
                variables: [NamedSecret(name: "API_KEY", value: Secret("k€y"))], directory: "/tmp"),
            created: now)
        try fixture.configuration.addServer(http)
        try fixture.configuration.addServer(stdio)
        #expect(try fixture.configuration.servers() == [stdio, http])
        #expect(try fixture.openAgain().configuration.server("remote") == http)
    }

    @Test func credentialsAreNowhereInClearText() throws {
        let fixture = try Fixture()
        let header = NamedSecret(name: "X-Key", value: Secret("correct-horse-battery-staple"))
        let variable = NamedSecret(name: "API_KEY", value: Secret("tr0ub4dor-and-3-more"))
        try fixture.configuration.addServer(
            Server(name: "a", transport: .http(url: "http://example.org/", headers: [header]), created: now))
        try fixture.configuration.addServer(
            Server(
                name: "b", transport: .stdio(command: ["x"], inherit: [], variables: [variable], directory: nil),
                created: now))
        let token = try fixture.grant().token.revealed
        let admin = try fixture.configuration.createAdminToken(label: "first", role: .admin, expires: nil)
        let bytes = try fixture.allBytes()
        for secret in [header.value.revealed, variable.value.revealed, token, admin.token.revealed] {
            #expect(bytes.firstRange(of: Array(secret.utf8)) == nil)
            #expect(bytes.firstRange(of: Array(secret.utf8.dropFirst(4).prefix(20))) == nil)
        }
    }

    @Test func aSecretDoesNotPrintItself() {
        let secret = NamedSecret(name: "X-Key", value: Secret("correct-horse"))
        #expect(!"\(secret)".contains("correct"))
        #expect(!String(reflecting: secret).contains("correct"))
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("correct"))
    }

    @Test func sealedCredentialsOpenOnlyWhereTheyWereStored() throws {
        let fixture = try Fixture()
        let header = NamedSecret(name: "X-Key", value: Secret("for a only"))
        for name in ["a", "b"] {
            try fixture.configuration.addServer(
                Server(name: name, transport: .http(url: "http://example.org/", headers: [header]), created: now))
        }
        try fixture.tamper("UPDATE server SET sealed = (SELECT sealed FROM server WHERE name = 'a') WHERE name = 'b'")
        #expect(code { _ = try fixture.configuration.servers() } == .corrupt)
    }

    @Test(arguments: [
        "", "-a", "_a", "A", "ä", "a b", "a/b", "a__b", "a.b", String(repeating: "a", count: 64), "a\n", "a\u{0}",
    ])
    func badNamesAreRefused(name: String) throws {
        let fixture = try Fixture()
        #expect(code { try fixture.configuration.addServer(Fixture.server(name)) } == .invalidName)
        try fixture.configuration.addServer(Fixture.server("good"))
        #expect(
            code { _ = try fixture.configuration.putPolicy(name, server: "good", bytes: [1]) } == .invalidName)
    }

    /// They stand where a server's name does in the paths of `/mcp`.
    @Test(arguments: ["sse", "messages"])
    func namesOfPathsAreNoServers(name: String) throws {
        let fixture = try Fixture()
        #expect(code { try fixture.configuration.addServer(Fixture.server(name)) } == .invalidName)
        try fixture.configuration.addServer(Fixture.server("good"))
        let policy = Array(#"{"version": "1", "default": "allow"}"#.utf8)
        _ = try fixture.configuration.putPolicy(name, server: "good", bytes: policy)
    }

    @Test(arguments: ["a", "0", "a-b_c", String(repeating: "a", count: 63)])
    func goodNamesAreTaken(name: String) throws {
        try Fixture().configuration.addServer(Fixture.server(name))
    }

    @Test(arguments: [
        "ftp://example.org", "example.org", "https://", "https:///mcp", "https://user:pw@example.org/",
        "http://example.org/a b", "http://exämple.org/",
    ])
    func badURLsAreRefused(url: String) throws {
        let fixture = try Fixture()
        let server = Server(name: "a", transport: .http(url: url, headers: []), created: now)
        let error = #expect(throws: StoreError.self) { try fixture.configuration.addServer(server) }
        #expect(error?.code == .invalidValue)
        #expect(error?.description.contains("pw") == false)
    }

    @Test(arguments: [("", "v"), ("a b", "v"), ("a:", "v"), ("x", "a\r\nb"), ("x", "a\u{0}b")])
    func badHeadersAreRefusedWithoutTheirValue(name: String, value: String) throws {
        let fixture = try Fixture()
        let header = NamedSecret(name: name, value: Secret(value))
        let server = Server(name: "a", transport: .http(url: "http://h/", headers: [header]), created: now)
        let error = #expect(throws: StoreError.self) { try fixture.configuration.addServer(server) }
        #expect(error?.code == .invalidValue)
        #expect(error?.description.contains("\(value.prefix(2))b") == false)
    }

    @Test func badCommandsAreRefused() throws {
        let fixture = try Fixture()
        let bad: [Server.Transport] = [
            .stdio(command: [], inherit: [], variables: [], directory: nil),
            .stdio(command: [""], inherit: [], variables: [], directory: nil),
            .stdio(command: ["a\u{0}b"], inherit: [], variables: [], directory: nil),
            .stdio(command: ["a"], inherit: ["A=B"], variables: [], directory: nil),
            .stdio(command: ["a"], inherit: [""], variables: [], directory: nil),
            .stdio(command: ["a"], inherit: [], variables: [], directory: "relative"),
            .stdio(command: Array(repeating: "a", count: 257), inherit: [], variables: [], directory: nil),
        ]
        for transport in bad {
            let server = Server(name: "a", transport: transport, created: now)
            #expect(code { try fixture.configuration.addServer(server) } == .invalidValue)
        }
        #expect(try fixture.configuration.servers().isEmpty)
    }

    @Test func aTakenNameIsRefusedAndReplacingKeepsTheTimeOfCreation() throws {
        let fixture = try Fixture()
        try fixture.configuration.addServer(Fixture.server("a"))
        #expect(code { try fixture.configuration.addServer(Fixture.server("a")) } == .alreadyExists)
        var other = Fixture.server("a")
        other.allowPrivate = true
        other.created = now + .hours(5)
        try fixture.configuration.replaceServer(other)
        let stored = try fixture.configuration.server("a")
        #expect(stored.allowPrivate)
        #expect(stored.created == Fixture.server("a").created)
    }

    @Test func aWrongNameGetsASuggestion() throws {
        let fixture = try Fixture()
        _ = try fixture.grant(server: "studio", policy: "starter", label: "demo")
        let server = #expect(throws: StoreError.self) { try fixture.configuration.server("studoi") }
        #expect(server?.code == .notFound)
        #expect(server?.help.contains("`studio`") == true)
        let policy = #expect(throws: StoreError.self) { try fixture.configuration.policy("startr") }
        #expect(policy?.help.contains("`starter`") == true)
        let grant = #expect(throws: StoreError.self) { try fixture.configuration.revokeGrant("demoo") }
        #expect(grant?.help.contains("`demo`") == true)
        let identity = #expect(throws: StoreError.self) {
            try fixture.configuration.removeIdentity("nobody", force: false)
        }
        #expect(identity?.code == .notFound)
    }

    @Test func whatIsUsedIsNotRemovedUnlessForced() throws {
        let fixture = try Fixture()
        let configuration = fixture.configuration
        let token = try fixture.grant().token
        _ = try configuration.addIdentity("alice@example.org")
        _ = try configuration.createGrant(
            GrantRequest(server: "studio", policy: "starter", label: "hers", identity: "alice@example.org"))
        #expect(code { try configuration.removeServer("studio") } == .inUse)
        #expect(code { try configuration.removePolicy("starter") } == .inUse)
        #expect(code { try configuration.removeIdentity("alice@example.org") } == .inUse)
        try configuration.removeIdentity("alice@example.org", force: true)
        #expect(try configuration.grants().filter { $0.revoked != nil }.map(\.label) == ["hers"])
        try configuration.removeServer("studio", force: true)
        #expect(try configuration.servers().isEmpty)
        #expect(try configuration.policies().isEmpty)
        let snapshot = try configuration.loadConfiguration()
        #expect(snapshot.grant(fixture.data.hasher.tokenHash(token.revealed))?.standing(at: now) == .revoked)
    }

    // MARK: Policies

    @Test func aPolicyKeepsItsBytesAndCountsItsVersions() throws {
        let fixture = try Fixture()
        let configuration = fixture.configuration
        try configuration.addServer(Fixture.server("studio"))
        try configuration.addServer(Fixture.server("other"))
        let odd: [UInt8] = Array("{ \"version\" :1 }\r\n".utf8)
        #expect(try configuration.putPolicy("p", server: "studio", bytes: odd).version == 1)
        let generation = configuration.currentGeneration()
        #expect(try configuration.putPolicy("p", server: "studio", bytes: odd).version == 1)
        #expect(configuration.currentGeneration() == generation)
        #expect(try configuration.putPolicy("p", server: "studio", bytes: [2]).version == 2)
        #expect(try configuration.policy("p").bytes == [2])
        #expect(try configuration.policy("p", version: 1).bytes == odd)
        #expect(code { _ = try configuration.policy("p", version: 3) } == .notFound)
        #expect(try configuration.policyVersions("p").map(\.version) == [1, 2])
        #expect(code { _ = try configuration.putPolicy("p", server: "other", bytes: [3]) } == .inUse)
        #expect(code { _ = try configuration.putPolicy("q", server: "none", bytes: [3]) } == .notFound)
        #expect(code { _ = try configuration.putPolicy("q", server: "studio", bytes: []) } == .invalidValue)
        #expect(
            code {
                _ = try configuration.putPolicy("q", server: "studio", bytes: [UInt8](repeating: 32, count: 1 << 21))
            } == .invalidValue)
    }

    @Test func aVersionNumberIsNeverUsedTwice() throws {
        let fixture = try Fixture()
        try fixture.configuration.addServer(Fixture.server("studio"))
        _ = try fixture.configuration.putPolicy("p", server: "studio", bytes: [1])
        try fixture.configuration.removePolicy("p")
        #expect(code { _ = try fixture.configuration.policy("p") } == .notFound)
        #expect(try fixture.configuration.loadConfiguration().policies.isEmpty)
        #expect(try fixture.configuration.putPolicy("p", server: "studio", bytes: [1]).version == 2)
    }

    // MARK: Grants

    @Test func aGrantIsFoundByItsTokenOnly() throws {
        let fixture = try Fixture()
        let issued = try fixture.grant()
        let token = issued.token.revealed
        #expect(token.hasPrefix("slg_"))
        #expect(token.utf8.count == 47)
        #expect(issued.grant.id.hasPrefix("gr_"))
        let snapshot = try fixture.openAgain().configuration.loadConfiguration()
        #expect(snapshot.grant(fixture.data.hasher.tokenHash(token)) == issued.grant)
        #expect(snapshot.grant(fixture.data.hasher.tokenHash(token + "x")) == nil)
        #expect(try fixture.grant(label: "second").token != issued.token)
    }

    @Test func aRotatedGrantHasOneToken() throws {
        let fixture = try Fixture()
        let first = try fixture.grant()
        let second = try fixture.configuration.rotateGrant("demo")
        #expect(second.grant.id == first.grant.id)
        #expect(second.grant.rotated != nil)
        let snapshot = try fixture.configuration.loadConfiguration()
        #expect(snapshot.grant(fixture.data.hasher.tokenHash(first.token.revealed)) == nil)
        #expect(snapshot.grant(fixture.data.hasher.tokenHash(second.token.revealed)) == second.grant)
        #expect(snapshot.grants.count == 1)
    }

    @Test func aRevokedGrantStaysRevoked() throws {
        let fixture = try Fixture()
        let issued = try fixture.grant()
        let revoked = try fixture.configuration.revokeGrant(issued.grant.id)
        #expect(revoked.standing(at: now) == .revoked)
        #expect(try fixture.configuration.revokeGrant(issued.grant.id) == revoked)
        #expect(code { _ = try fixture.configuration.rotateGrant(issued.grant.id) } == .invalidValue)
        let snapshot = try fixture.configuration.loadConfiguration()
        #expect(snapshot.grant(fixture.data.hasher.tokenHash(issued.token.revealed)) == revoked)
        // Its label is free again.
        _ = try fixture.grant()
    }

    @Test func aGrantEndsWhenItSaysSo() {
        let grant = Grant(
            id: "gr_1", server: "s", policy: "p", label: "l", identity: nil, created: now, expires: now + .days(1))
        #expect(grant.standing(at: now) == .active)
        #expect(grant.standing(at: now + .days(1) - .microseconds(1)) == .active)
        #expect(grant.standing(at: now + .days(1)) == .expired)
    }

    @Test func impossibleGrantsAreRefused() throws {
        let fixture = try Fixture()
        _ = try fixture.grant()
        try fixture.configuration.addServer(Fixture.server("other"))
        func attempt(_ change: (inout GrantRequest) -> Void) -> StoreError.Code? {
            var request = GrantRequest(server: "studio", policy: "starter", label: "new")
            change(&request)
            return code { _ = try fixture.configuration.createGrant(request) }
        }
        #expect(attempt { $0.server = "none" } == .notFound)
        #expect(attempt { $0.policy = "none" } == .notFound)
        #expect(attempt { $0.identity = "none" } == .notFound)
        #expect(attempt { $0.server = "other" } == .invalidValue)
        #expect(attempt { $0.label = "demo" } == .alreadyExists)
        #expect(attempt { $0.label = "" } == .invalidName)
        #expect(attempt { $0.label = "a\nb" } == .invalidName)
        #expect(attempt { $0.expires = Instant(microseconds: 1) } == .invalidValue)
        #expect(try fixture.configuration.grants().count == 1)
    }

    @Test func aLabelThatTwoServersUseMustBeNamedById() throws {
        let fixture = try Fixture()
        let first = try fixture.grant(server: "one", policy: "p1", label: "agent")
        _ = try fixture.grant(server: "two", policy: "p2", label: "agent")
        let error = #expect(throws: StoreError.self) { try fixture.configuration.grant("agent") }
        #expect(error?.code == .invalidValue)
        #expect(error?.help.contains(first.grant.id) == true)
        #expect(try fixture.configuration.grant(first.grant.id) == first.grant)
    }

    // MARK: Admin tokens

    @Test func adminTokensAreFoundByHashAndCanBeRevoked() throws {
        let fixture = try Fixture()
        let issued = try fixture.configuration.createAdminToken(label: "first", role: .admin, expires: nil)
        #expect(issued.token.revealed.hasPrefix("sla_"))
        let hash = fixture.data.hasher.tokenHash(issued.token.revealed)
        #expect(try fixture.configuration.loadConfiguration().adminTokens[hash] == issued.adminToken)
        #expect(issued.adminToken.isActive(at: now))
        let revoked = try fixture.configuration.revokeAdminToken(issued.adminToken.id)
        #expect(!revoked.isActive(at: now))
        #expect(code { _ = try fixture.configuration.revokeAdminToken("at_none") } == .notFound)
        #expect(Role(name: "policy_manager").map { $0 < .admin && $0 > .viewer } == true)
        #expect(Role.allCases.allSatisfy { Role(name: $0.name) == $0 })
    }

    // MARK: Generations

    @Test func aChangeElsewhereIsSeenAtTheNextLook() throws {
        let fixture = try Fixture()
        let gateway = fixture.configuration
        let snapshot = try gateway.loadConfiguration()
        #expect(gateway.currentGeneration() == snapshot.generation)
        let command = try fixture.openAgain().configuration
        #expect(gateway.currentGeneration() == snapshot.generation)
        try command.addServer(Fixture.server("added"))
        #expect(gateway.currentGeneration() > snapshot.generation)
        let next = try gateway.loadConfiguration()
        #expect(next.servers["added"] != nil)
        #expect(gateway.currentGeneration() == next.generation)
        #expect(code { try command.addServer(Fixture.server("added")) } == .alreadyExists)
        #expect(gateway.currentGeneration() == next.generation)
    }

    @Test func aDatabaseFromABackupDoesNotRepeatGenerations() throws {
        let fixture = try Fixture()
        try fixture.configuration.addServer(Fixture.server("a"))
        let before = fixture.configuration.currentGeneration()
        try fixture.tamper("UPDATE setting SET value = 1 WHERE name = 'generation'")
        let again = try fixture.openAgain().configuration
        #expect(try again.loadConfiguration().generation == before)
        try again.addServer(Fixture.server("b"))
        #expect(fixture.configuration.currentGeneration() > before)
    }

    @Test func aChangeWhoseAuthorDiedBeforeSayingSoIsFound() async throws {
        let fixture = try Fixture()
        let before = fixture.configuration.currentGeneration()
        // What a process leaves behind that ends between its commit and the word about it.
        try fixture.tamper("UPDATE setting SET value = value + 1 WHERE name = 'generation'")
        #expect(fixture.configuration.currentGeneration() == before)
        // The writer looks after each batch, at most once a second; its first look is free.
        let ledger = try fixture.data.openLedger()
        _ = try await ledger.append(decision(1))
        ledger.close()
        #expect(fixture.configuration.currentGeneration() == before + 1)
    }
}
