import Base
import Glibc
import HTTP
import JSON
import Runtime
import Store
import Synchronization
import Testing

@testable import Console

/// What is answered to those who may ask.
@Suite struct AnswerTests {
    @Test func answersAreWhatTheSchemasSay() async throws {
        let scene = try Scene()
        let document = try await scene.ask("GET", "/api/openapi.json").json
        let schemas = try #require(document["components"]?["schemas"])
        for route in Route.table {
            guard case .json(let name) = route.answer else { continue }
            let target = route.filled(seq: 2)
            let answer = try await scene.ask(route.methodText, target, [("Authorization", "Bearer sla_admin")])
            #expect(answer.status == Int(route.status.code))
            #expect(answer.field("Content-Type") == "application/json")
            #expect(answer.field("Cache-Control") == "no-store")
            let schema = try #require(schemas[name])
            #expect(Self.faults(in: try answer.json, schema, schemas, at: name) == [])
        }
        let refusal = try await scene.ask("GET", "/nothing").json
        #expect(Self.faults(in: refusal, try #require(schemas["Problem"]), schemas, at: "Problem") == [])
    }

    @Test func findingsAreFiltered() async throws {
        let scene = try Scene()
        func codes(_ query: String) async throws -> [String] {
            let answer = try await scene.ask(
                "GET", "/api/v1/findings\(query)", [("Authorization", "Bearer sla_viewer")])
            guard answer.status == 200 else { return ["\(answer.status)"] }
            let found = try answer.json["findings"]
            return found?.elements.compactMap { $0["code"]?.string } ?? []
        }
        #expect(try await codes("") == ["changed_definition", "lookalike_name"])
        #expect(try await codes("?server=tickets") == ["lookalike_name"])
        #expect(try await codes("?severity=high") == ["changed_definition"])
        #expect(try await codes("?code=lookalike_name&server=studio") == ["lookalike_name"])
        #expect(try await codes("?code=new_tool") == [])
        #expect(try await codes("?severity=worst") == ["400"])
        #expect(try await codes("?kind=new_tool") == ["400"])
    }

    /// The few words of JSON Schema that the description uses.
    private static func faults(in view: JSONView, _ schema: JSONView, _ all: JSONView, at path: String) -> [String] {
        if let name = schema["$ref"]?.string?.split(separator: "/").last {
            guard let target = all[String(name)] else { return ["\(path): no schema \(name)"] }
            return faults(in: view, target, all, at: path)
        }
        var faults: [String] = []
        let types = schema["type"].map { type in
            type.string.map { [$0] } ?? type.elements.compactMap { $0.string }
        }
        let own: String =
            switch view.kind {
            case .null: "null"
            case .boolean: "boolean"
            case .number: view.int == nil ? "number" : "integer"
            case .string: "string"
            case .array: "array"
            case .object: "object"
            }
        if let types, !types.contains(own) { faults.append("\(path): \(own), not \(types)") }
        if let words = schema["enum"], !words.elements.contains(where: { $0.string == view.string }) {
            faults.append("\(path): \(view.string ?? "") is not in the list")
        }
        if schema["format"]?.string == "date-time", let text = view.string, Instant(iso8601: text) == nil {
            faults.append("\(path): \(text) is no time")
        }
        if view.kind == .object {
            for name in schema["required"].map({ $0.elements.compactMap { $0.string } }) ?? [] where view[name] == nil {
                faults.append("\(path): \(name) is missing")
            }
            for (key, value) in view.members {
                let name = key.string ?? ""
                if let inner = schema["properties"]?[name] {
                    faults += Self.faults(in: value, inner, all, at: "\(path).\(name)")
                } else if schema["additionalProperties"]?.bool == false {
                    faults.append("\(path): \(name) is not described")
                }
            }
        }
        if view.kind == .array, let inner = schema["items"] {
            for element in view.elements { faults += Self.faults(in: element, inner, all, at: "\(path)[]") }
        }
        return faults
    }

    @Test func secretsStayInside() async throws {
        let scene = try Scene()
        for route in Route.table where route.method == .get {
            let target = route.filled(seq: 1)
            let answer = try await scene.get(target, as: "sla_admin")
            #expect(answer.status == 200)
            let hash = Hex.encode(PlainHasher().tokenHash("slg_gr_1").bytes)
            for secret in ["verborgen", "slg_gr_1", "sla_admin", hash] {
                #expect(!answer.text.contains(secret), "\(target) tells \(secret)")
            }
        }
    }

    @Test func howServersFare() async throws {
        let scene = try Scene()
        let servers = try #require(try await scene.get("/api/v1/servers").json["servers"])
        let health = try #require(servers.elements.first { $0["name"]?.string == "tickets" }?["health"])
        #expect(health["state"]?.string == "breaker_open" && health["failures_in_a_row"]?.int == 7)
        #expect(health["next_try"]?.string == (Scene.start + .seconds(4)).iso8601)
        #expect(health["pids"]?.elements.compactMap { $0.int } == [4711] && health["calls_waiting"]?.int == 2)
        let other = try #require(servers.elements.first { $0["name"]?.string == "studio" }?["health"])
        #expect(other["state"]?.string == "not_started" && other["last_error"]?.kind == .null)
        let metrics = try await scene.get("/metrics").text
        #expect(metrics.contains("\nsluice_server_ready{server=\"tickets\"} 0\n"))
        #expect(metrics.contains("\nsluice_server_calls_waiting{server=\"tickets\"} 2\n"))
    }

    @Test func status() async throws {
        let scene = try Scene()
        scene.advance(.seconds(90))
        let status = try await scene.get("/api/v1/status").json
        #expect(status["version"]?.string == "9.9")
        #expect(status["uptime_seconds"]?.int == 90)
        #expect(status["listen"]?.string == "127.0.0.1:7420")
        #expect(status["ledger"]?["healthy"]?.bool == true)
        #expect(status["ledger"]?["last_seq"]?.int == 7)
        #expect(status["active_grants"]?.int == 1)
        scene.ledger.state.withLock { $0.isHealthy = false }
        #expect(try await scene.get("/api/v1/status").json["ledger"]?["healthy"]?.bool == false)
        #expect(try await scene.get("/metrics").text.contains("\nsluice_ledger_healthy 0\n"))
    }

    /// SPEC: Prometheus text format: each line is a comment or `name{labels} value`.
    @Test func metricsCanBeRead() async throws {
        let answer = try await Scene().get("/metrics")
        #expect(answer.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
        for line in answer.text.split(separator: "\n") where !line.hasPrefix("# ") {
            #expect(
                try #/sluice_[a-z_]+(\{[a-z]+="[^"\\]*"\})? -?[0-9]+/#.wholeMatch(in: String(line)) != nil, "\(line)")
        }
        #expect(answer.text.contains("sluice_build_info{version=\"9.9\"} 1\n"))
    }

    @Test func policiesAreBytesAsPut() async throws {
        let scene = try Scene()
        let newest = try await scene.get("/api/v1/policies/careful")
        #expect(newest.text == "{ \"version\":\"1\",\"n\":2 }\n")
        #expect(newest.field("Sluice-Policy-Version") == "2")
        let first = try await scene.get("/api/v1/policies/careful?version=1")
        #expect(first.text == "{ \"version\":\"1\",\"n\":1 }\n")
        #expect(first.field("Sluice-Policy-Version") == "1")
        try expectProblem(try await scene.get("/api/v1/policies/careful?version=3"), 404)
        try expectProblem(try await scene.get("/api/v1/policies/other"), 404, says: "other")
    }

    @Test func aGrantIsRevokedByItsIdOnly() async throws {
        let scene = try Scene()
        let admin = [("Authorization", "Bearer sla_admin")]
        try expectProblem(try await scene.ask("POST", "/api/v1/grants/laptop/revoke", admin), 404, says: "laptop")
        let answer = try await scene.ask("POST", "/api/v1/grants/gr_1/revoke", admin)
        #expect(try answer.json["standing"]?.string == "revoked")
        #expect(try await scene.ask("POST", "/api/v1/grants/gr_1/revoke", admin).status == 200)
        #expect(try await scene.get("/api/v1/status").json["active_grants"]?.int == 0)
    }

    // MARK: Decisions

    @Test func pagesFollowOneAnother() async throws {
        let scene = try Scene()
        for (order, expected) in [("newest", [7, 6, 5, 4, 3, 2, 1]), ("oldest", [1, 2, 3, 4, 5, 6, 7])] {
            for limit in 1...8 {
                var found: [Int64] = []
                var target: String? = "/api/v1/decisions?limit=\(limit)&order=\(order)"
                var pages = 0
                while let next = target {
                    let answer = try await scene.get(next)
                    try #require(answer.status == 200)
                    let rows = try answer.rows
                    #expect(rows.count <= limit && !rows.isEmpty)
                    found += rows
                    target = try answer.json["next"]?.string
                    pages += 1
                }
                #expect(found == expected.map { Int64($0) })
                #expect(pages == (7 + limit - 1) / limit)
            }
        }
    }

    @Test(arguments: [
        ("after=5", [7, 6]), ("before=3", [2, 1]), ("after=2&before=5", [4, 3]), ("outcome=denied", [7, 4, 1]),
        ("outcome=error", [6]), ("tool=delete", [7]), ("tool=read+%26%20write", [5, 4, 2, 1]), ("server=none", []),
        ("grant=laptop&limit=2", [7, 5]), ("grant=gr_1&outcome=allowed", [5, 2]), ("", [7, 6, 5, 4, 3, 2, 1]),
        ("since=2027-01-15T08:00:06Z", [7, 6]), ("until=2027-01-15T08:00:02.000000Z", [1]),
        ("order=oldest&limit=1", [1]),
    ])
    func filters(_ query: String, _ rows: [Int64]) async throws {
        #expect(Scene.start.iso8601 == "2027-01-15T08:00:00.000000Z")
        let answer = try await Scene().get("/api/v1/decisions?\(query)")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try answer.rows == rows)
    }

    @Test func theNextPageKeepsTheFilters() async throws {
        let scene = try Scene()
        let first = try await scene.get("/api/v1/decisions?tool=read%20%26%20write&grant=laptop&limit=3")
        #expect(try first.rows == [5, 4, 2])
        let next = try #require(try first.json["next"]?.string)
        #expect(next == "/api/v1/decisions?before=2&tool=read%20%26%20write&grant=laptop&limit=3")
        let second = try await scene.get(next)
        #expect(try second.rows == [1])
        #expect(try second.json["next"]?.kind == .null)
    }

    @Test(arguments: [
        ("limit=0", "`limit`"), ("limit=1001", "1000"), ("limit=-1", "`limit`"), ("limit=+5", "`limit`"),
        ("limit=", "`limit`"),
        ("limit", "`limit`"), ("limit=99999999999999999999", "`limit`"), ("after=x", "row's number"),
        ("after=9223372036854775808", "row's number"), ("before=-1", "row's number"), ("since=yesterday", "2026-01-05"),
        ("since=2026-13-01T00:00:00Z", "2026-01-05"), ("outcome=Denied", "shadow_denied"), ("outcome=%00", "one of"),
        ("limt=5", "did you mean `limit`?"), ("x=1", "there are after"), ("limit=5&limit=5", "twice"),
        ("server=", "empty"), ("tool=%ff", "UTF-8"), ("order=up", "newest, oldest"), ("=1", "no query parameter"),
        ("&", "no query parameter"), ("tool=\(String(repeating: "a", count: 257))", "256"),
    ])
    func badQueries(_ query: String, _ says: String) async throws {
        try expectProblem(try await Scene().get("/api/v1/decisions?\(query)"), 400, says: says)
    }

    @Test func pathsWithoutParametersTakeNone() async throws {
        let scene = try Scene()
        try expectProblem(try await scene.get("/api/v1/status?verbose=1"), 400, says: "takes none")
        #expect(try await scene.get("/api/v1/status?").status == 200)
        // Tokens have no place in addresses; nobody listens there.
        try expectProblem(try await scene.ask("GET", "/api/v1/status?access_token=sla_admin"), 401)
    }

    @Test func oneDecision() async throws {
        let scene = try Scene()
        let answer = try await scene.get("/api/v1/decisions/5").json
        #expect(answer["row"]?["seq"]?.int == 5)
        #expect(answer["outcomes"]?.count == 1)
        #expect(answer["outcomes"]?[0]?["seq"]?.int == 6)
        #expect(try await scene.get("/api/v1/decisions/4").json["outcomes"]?.count == 0)
        for text in ["0", "8", "-1", "x", "05", "9223372036854775808"] {
            try expectProblem(try await scene.get("/api/v1/decisions/\(text)"), 404)
        }
    }

    // MARK: The ledger

    @Test func verdicts() async throws {
        let scene = try Scene()
        let good = try await scene.get("/api/v1/ledger/verify").json
        #expect(good["intact"]?.bool == true && good["breach"]?.kind == .null && good["checked"]?.int == 7)
        scene.ledger.state.withLock { $0.breach = .init(seq: 3, kind: .changed, text: "row 3 was changed") }
        let bad = try await scene.get("/api/v1/ledger/verify").json
        #expect(bad["intact"]?.bool == false)
        #expect(bad["breach"]?["seq"]?.int == 3 && bad["breach"]?["kind"]?.string == "changed")
    }

    @Test func oneVerificationAtATime() async throws {
        let gate = Gate()
        let scene = try Scene(ledger: FakeLedger(Scene.rows, whileVerifying: { gate.pass() }))
        async let first = scene.get("/api/v1/ledger/verify")
        await gate.arrived()
        let second = try await scene.get("/api/v1/ledger/verify")
        try expectProblem(second, 429)
        #expect(second.field("Retry-After") == "5")
        // The rest goes on meanwhile.
        #expect(try await scene.get("/api/v1/decisions").status == 200)
        gate.open()
        #expect(try await first.status == 200)
        #expect(try await scene.get("/api/v1/ledger/verify").status == 200)
    }

    @Test func faultsOfTheLedgerAreForTheLog() async throws {
        let scene = try Scene()
        scene.ledger.state.withLock { $0.failure = StoreError(.corrupt, "page 7 of /secret/place is bad", help: "") }
        for path in ["/api/v1/decisions", "/api/v1/decisions/1", "/api/v1/status"] {
            let answer = try await scene.get(path)
            try expectProblem(answer, 503)
            #expect(answer.field("Retry-After") == "1" && !answer.text.contains("secret"))
        }
    }

    // MARK: The page

    @Test func thePageIsStrict() async throws {
        let scene = try Scene()
        for (path, type) in [
            ("/", "text/html; charset=utf-8"), ("/console.css", "text/css; charset=utf-8"),
            ("/console.js", "text/javascript; charset=utf-8"), ("/icon.svg", "image/svg+xml"),
        ] {
            let answer = try await scene.ask("GET", path)
            #expect(answer.status == 200 && answer.field("Content-Type") == type)
            let policy = try #require(answer.field("Content-Security-Policy"))
            #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'"))
            #expect(!policy.contains("unsafe"))
            #expect(answer.field("X-Frame-Options") == "DENY")
            for foreign in ["https://", "http://", "//cdn", "localStorage", "sessionStorage", "innerHTML", "style=\""] {
                // The icon names SVG's namespace, which looks like an address.
                let isNamespace = path == "/icon.svg" && foreign == "http://"
                #expect(isNamespace || !answer.text.contains(foreign), "\(path) has \(foreign)")
            }
            #expect(answer.text.contains("onclick=\"") == false)
        }
    }
}

/// Holds a thread until the test opens it.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var hasArrived = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Called on a thread of the pool, which may block.
    func pass() {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.hasArrived = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
        while !state.withLock({ $0.isOpen }) { sched_yield() }
    }

    func arrived() async {
        await withCheckedContinuation { continuation in
            let isHere = state.withLock { state -> Bool in
                if !state.hasArrived { state.waiting = continuation }
                return state.hasArrived
            }
            if isHere { continuation.resume() }
        }
    }

    func open() { state.withLock { $0.isOpen = true } }
}
