import Base
import HTTP
import JSON
import Store
import Synchronization
import Testing

@testable import Console

/// Who may come in, and what for.
@Suite struct AccessTests {
    private static let guarded = Route.table.filter { $0.access != .everyone }

    private static func target(_ route: Route) -> String { route.filled(seq: 1) }

    private static let badFields: [[(String, String)]] = [
        [], [("Authorization", "Bearer sla_wrong")], [("Authorization", "Bearer sla_revoked")],
        [("Authorization", "Bearer sla_expired")], [("Authorization", "Bearer ")], [("Authorization", "Bearer")],
        [("Authorization", "Basic c2xhX2FkbWlu")], [("Authorization", "sla_admin")],
        [("Authorization", "Bearer slg_gr_1")], [("Authorization", "Bearer sla_admin x")],
        [("Authorization", "Bearer sla_admin"), ("Authorization", "Bearer sla_admin")],
        [("Cookie", "sluice_session=")], [("Cookie", "sluice_session=sla_admin")],
        [("Cookie", "sluice_session=0000000000000000000000000000000000000000000000000000000000000000")],
    ]

    /// Strangers learn nothing: the answer is the same whatever is wrong with the token.
    @Test(arguments: badFields)
    func noGoodToken(_ fields: [(String, String)]) async throws {
        let scene = try Scene()
        let plain = try await scene.ask("GET", "/api/v1/status")
        for route in Self.guarded {
            let answer = try await scene.ask(route.methodText, Self.target(route), fields)
            try expectProblem(answer, 401)
            #expect(answer.field("WWW-Authenticate") == "Bearer realm=\"sluice-admin\"")
            #expect(try answer.json["detail"]?.string == plain.json["detail"]?.string)
            #expect(answer.response.body.count == plain.response.body.count)
        }
        #expect(scene.ledger.state.withLock { $0.rows.count } == Scene.rows.count)
        #expect(try await scene.get("/api/v1/grants").text.contains(#""id":"gr_1","label":"laptop""#))
    }

    @Test func rolesIncludeThoseBelow() async throws {
        for route in Self.guarded {
            guard case .role(let needed) = route.access else { continue }
            for token in Scene.tokens {
                let scene = try Scene()
                let answer = try await scene.ask(
                    route.methodText, Self.target(route), [("Authorization", "bearer \(token.text)")])
                if token.role >= needed {
                    #expect(answer.status == Int(route.status.code), "\(route.path) as \(token.role.name)")
                } else {
                    try expectProblem(answer, 403, says: "`\(needed.name)`")
                }
            }
        }
    }

    @Test func aTokenThatIsRevokedLaterIsDeadAtOnce() async throws {
        let scene = try Scene()
        let cookie = try await scene.signIn("sla_viewer")
        #expect(try await scene.get("/api/v1/status").status == 200)
        #expect(try await scene.ask("GET", "/api/v1/status", [("Cookie", cookie)]).status == 200)
        scene.store.change { $0.adminTokens[PlainHasher().tokenHash("sla_viewer")] = nil }
        #expect(try await scene.get("/api/v1/status").status == 401)
        #expect(try await scene.ask("GET", "/api/v1/status", [("Cookie", cookie)]).status == 401)
    }

    @Test func nothingIsAnsweredFromAnOldConfiguration() async throws {
        let scene = try Scene()
        #expect(try await scene.get("/api/v1/status").status == 200)
        scene.store.change { $0.failure = StoreError(.io, "the disk is gone", help: "") }
        let answer = try await scene.get("/api/v1/status")
        try expectProblem(answer, 503)
        #expect(!answer.text.contains("disk"))
    }

    // MARK: Hosts and origins

    @Test(arguments: [
        ("127.0.0.1:7421", 200), ("localhost:7421", 200), ("LOCALHOST", 200), ("[::1]:7421", 200),
        ("evil.example.com", 403), ("127.0.0.1.evil.example.com:7421", 403), ("10.0.0.1:7421", 403),
    ])
    func hostNames(_ host: String, _ status: Int) async throws {
        for path in ["/api/v1/status", "/", "/metrics"] {
            let answer = try await Scene().ask("GET", path, [("Host", host), ("Authorization", "Bearer sla_viewer")])
            #expect(answer.status == status, "\(path)")
        }
        #expect(try await Scene().ask("GET", "/healthz", [("Host", host)]).status == 200)
    }

    /// The token of the folder's own commands may look, whatever is stored, and nothing else.
    @Test func theLocalTokenIsAViewer() async throws {
        let scene = try Scene()
        #expect(try await scene.get("/api/v1/servers", as: "sla_local").status == 200)
        let bearer = ("Authorization", "Bearer sla_local")
        #expect(try await scene.ask("POST", "/api/v1/grants/gr_1/revoke", [bearer]).status == 403)
        // It ends with the gateway; a session made of it would, too, but it has no use for one.
        let opened = try await scene.ask("POST", "/api/v1/session", [bearer])
        let cookie = ("Cookie", String((opened.field("Set-Cookie") ?? "").prefix { $0 != ";" }))
        #expect(try await scene.ask("GET", "/api/v1/status", [cookie]).status == 401)
    }

    @Test func pagesFromElsewhereAreRefused() async throws {
        let answer = try await Scene().ask(
            "GET", "/api/v1/status", [("Origin", "https://evil.example.com"), ("Authorization", "Bearer sla_admin")])
        try expectProblem(answer, 403)
        #expect(answer.field("Access-Control-Allow-Origin") == nil)
    }

    // MARK: Sessions

    @Test func theCookieIsForNobodyElse() async throws {
        let scene = try Scene()
        let answer = try await scene.ask(
            "POST", "/api/v1/session", [("Authorization", "Bearer sla_admin"), ("Origin", "http://\(Scene.host)")])
        #expect(answer.status == 201)
        let cookie = try #require(answer.field("Set-Cookie"))
        let parts = cookie.split(separator: "; ").map(String.init)
        #expect(parts.dropFirst() == ["Path=/api/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"])
        #expect(parts[0].hasPrefix("sluice_session=") && parts[0].utf8.count == "sluice_session=".utf8.count + 64)
        #expect(!answer.text.contains("sla_") && !answer.text.contains(parts[0].dropFirst(15)))
        #expect(try answer.json["role"]?.string == "admin")
        let behindTLS = try await scene.ask(
            "POST", "/api/v1/session", [("Authorization", "Bearer sla_admin"), ("Origin", "https://\(Scene.host)")])
        #expect(behindTLS.field("Set-Cookie")?.hasSuffix("; Secure") == true)
    }

    @Test func signingInNeedsABearerTokenAndOurOwnPage() async throws {
        let scene = try Scene()
        let cookie = try await scene.signIn()
        let own = ("Origin", "http://\(Scene.host)")
        try expectProblem(
            try await scene.ask("POST", "/api/v1/session", [("Cookie", cookie), own, ("X-Sluice-Console", "1")]), 401)
        for origin in ["http://localhost:3000", "null", "https://evil.example.com"] {
            let answer = try await scene.ask(
                "POST", "/api/v1/session", [("Authorization", "Bearer sla_admin"), ("Origin", origin)])
            try expectProblem(answer, 403)
            #expect(answer.field("Set-Cookie") == nil)
        }
    }

    @Test func theCookieReads() async throws {
        let scene = try Scene()
        let cookie = try await scene.signIn("sla_manager")
        let who = try await scene.ask("GET", "/api/v1/session", [("Cookie", "a=b; \(cookie); c=d")])
        #expect(who.status == 200)
        #expect(try who.json["role"]?.string == "policy_manager")
        #expect(try who.json["expires"]?.string == (Scene.start + .hours(12)).iso8601)
        // Two of them: somebody else may have set one.
        #expect(try await scene.ask("GET", "/api/v1/session", [("Cookie", "\(cookie); \(cookie)")]).status == 401)
        // A page of another program on this machine gets cookies of every port sent along.
        let site = [("Cookie", cookie), ("Sec-Fetch-Site", "same-site")]
        #expect(try await scene.ask("GET", "/api/v1/status", site).status == 403)
        #expect(
            try await scene.ask("GET", "/api/v1/status", [("Cookie", cookie), ("Sec-Fetch-Site", "none")]).status == 200
        )
        #expect(
            try await scene.ask("GET", "/api/v1/status", [("Cookie", cookie), ("Origin", "http://localhost:3000")])
                .status
                == 403)
    }

    static let ownOrigin = ("Origin", "http://127.0.0.1:7421")

    private static let changes: [([(String, String)], Int)] = [
        ([("X-Sluice-Console", "1"), ownOrigin], 200),
        ([("X-Sluice-Console", "1"), ownOrigin, ("Sec-Fetch-Site", "same-origin")], 200),
        ([ownOrigin], 403), ([("X-Sluice-Console", "1")], 403), ([("X-Sluice-Console", "0"), ownOrigin], 403),
        ([], 403),
        ([("X-Sluice-Console", "1"), ("Origin", "http://localhost:7421")], 403),
        ([("X-Sluice-Console", "1"), ("Origin", "http://127.0.0.1:7422")], 403),
        ([("X-Sluice-Console", "1"), ("Origin", "null")], 403),
        ([("X-Sluice-Console", "1"), ("Origin", "http://127.0.0.1:7421.evil.example.com")], 403),
        ([("X-Sluice-Console", "1"), ownOrigin, ("Sec-Fetch-Site", "same-site")], 403),
        ([("X-Sluice-Console", "1"), ownOrigin, ("Sec-Fetch-Site", "none")], 403),
        ([("X-Sluice-Console", "1"), ownOrigin, ownOrigin], 403),
    ]

    @Test(arguments: changes)
    func aChangeByCookieHasToComeFromThePage(_ fields: [(String, String)], _ status: Int) async throws {
        let scene = try Scene()
        let cookie = try await scene.signIn()
        let answer = try await scene.ask("POST", "/api/v1/grants/gr_1/revoke", [("Cookie", cookie)] + fields)
        #expect(answer.status == status, "\(answer.text)")
        let isRevoked = scene.store.state.withLock { state in
            state.grants.values.contains { $0.id == "gr_1" && $0.revoked != nil }
        }
        #expect(isRevoked == (status == 200))
    }

    @Test func aSessionEnds() async throws {
        let scene = try Scene()
        func isIn(_ cookie: String) async throws -> Bool {
            try await scene.ask("GET", "/api/v1/session", [("Cookie", cookie)]).status == 200
        }
        // Unused.
        var cookie = try await scene.signIn()
        scene.advance(.minutes(29))
        #expect(try await isIn(cookie))
        scene.advance(.minutes(29))
        #expect(try await isIn(cookie))
        scene.advance(.minutes(30))
        #expect(try await !isIn(cookie))
        // In any case.
        cookie = try await scene.signIn()
        for _ in 0..<35 {
            scene.advance(.minutes(20))
            #expect(try await isIn(cookie))
        }
        scene.advance(.minutes(20))
        #expect(try await !isIn(cookie))
        // By signing out.
        cookie = try await scene.signIn()
        let own = [("Cookie", cookie), ("Origin", "http://\(Scene.host)"), ("X-Sluice-Console", "1")]
        let answer = try await scene.ask("DELETE", "/api/v1/session", own)
        #expect(answer.status == 204)
        #expect(answer.field("Set-Cookie") == "sluice_session=; Path=/api/; Max-Age=0; HttpOnly; SameSite=Strict")
        #expect(try await !isIn(cookie))
    }

    @Test func sessionsAreBounded() async throws {
        let scene = try Scene(maxSessions: 3)
        var cookies: [String] = []
        for _ in 0..<4 {
            cookies.append(try await scene.signIn())
            scene.advance(.seconds(1))
        }
        #expect(scene.service.sessions.count == 3)
        #expect(Set(cookies).count == 4)
        var alive: [Bool] = []
        for cookie in cookies {
            alive.append(try await scene.ask("GET", "/api/v1/session", [("Cookie", cookie)]).status == 200)
        }
        #expect(alive == [false, true, true, true])
    }
}
