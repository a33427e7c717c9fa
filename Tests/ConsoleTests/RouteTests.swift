import Base
import HTTP
import JSON
import Store
import Testing

@testable import Console

/// Paths, methods, and that the description is true.
@Suite struct RouteTests {
    @Test func everyOperationHasOneRoute() {
        #expect(Set(Route.table.map(\.operation)).count == Console.Operation.allCases.count)
        #expect(Route.table.count == Console.Operation.allCases.count)
        let places = Route.table.map { "\($0.methodText) \($0.path)" }
        #expect(Set(places).count == places.count)
    }

    /// Written out here, so that a role in the table can't change unnoticed.
    @Test func rolesAreAsPromised() {
        for route in Route.table {
            switch route.operation {
            case .page, .style, .script, .icon, .health, .openapi: #expect(route.access == .everyone)
            case .revokeGrant: #expect(route.access == .role(.admin))
            default: #expect(route.access == .role(.viewer), "\(route.path)")
            }
        }
    }

    @Test func onlyThePageAndHarmlessThingsAreOpen() {
        let open = Route.table.filter { $0.access == .everyone }.map(\.path).sorted()
        #expect(open == ["/", "/api/openapi.json", "/console.css", "/console.js", "/healthz", "/icon.svg"])
    }

    @Test(arguments: [
        "/api", "/api/v1", "/api/v1/", "/api/v2/status", "/api/v1/status/", "/api/v1/policies/", "/api/v1/policies/a/b",
        "/api/v1/grants/gr_1", "/index.html", "//", "/API/V1/STATUS",
    ])
    func unknownPaths(_ path: String) async throws {
        let answer = try await Scene().get(path)
        #expect(answer.status == 404)
        try expectProblem(answer, 404)
    }

    @Test(arguments: [
        ("POST", "/api/v1/status", "GET, HEAD"), ("DELETE", "/", "GET, HEAD"),
        ("OPTIONS", "/api/v1/status", "GET, HEAD"),
        ("PUT", "/api/v1/policies/careful", "GET, HEAD"), ("GET", "/api/v1/grants/gr_1/revoke", "POST"),
        ("PATCH", "/api/v1/session", "POST, GET, HEAD, DELETE"), ("BREW", "/metrics", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ])
    func wrongMethods(_ method: String, _ path: String, _ allow: String) async throws {
        let answer = try await Scene().ask(method, path)
        try expectProblem(answer, 405)
        #expect(answer.field("Allow") == allow)
    }

    @Test func headGoesWhereGetGoes() async throws {
        let scene = try Scene()
        #expect(try await scene.ask("HEAD", "/").status == 200)
        #expect(try await scene.ask("HEAD", "/api/v1/status", [("Authorization", "Bearer sla_viewer")]).status == 200)
        #expect(try await scene.ask("HEAD", "/api/v1/status").status == 401)
    }

    @Test func everyAnswerBearsANameOfItsOwn() async throws {
        let scene = try Scene()
        var names: Set<String> = []
        for (path, token) in [
            ("/", ""), ("/healthz", ""), ("/nothing", ""), ("/api/v1/status", "sla_viewer"), ("/api/v1/status", "x"),
            ("/api/v1/policies/none", "sla_viewer"), ("/metrics", "sla_viewer"), ("/api/openapi.json", ""),
        ] {
            let answer = try await scene.get(path, as: token)
            #expect(answer.response.fields.all(FieldName("X-Request-Id")).count == 1, "\(path)")
            names.insert(answer.field("X-Request-Id") ?? "")
            #expect(answer.field("X-Content-Type-Options") == "nosniff")
        }
        #expect(names.count == 8 && !names.contains(""))
    }

    @Test func theDescriptionIsTheTable() async throws {
        let answer = try await Scene().ask("GET", "/api/openapi.json")
        #expect(answer.status == 200)
        let document = try answer.json
        #expect(document["openapi"]?.string == "3.1.0")
        var described: Set<String> = []
        for (path, item) in try #require(document["paths"]).members {
            for (method, operation) in item.members {
                let place = "\(method.string?.uppercased() ?? "") \(path.string ?? "")"
                described.insert(place)
                let route = try #require(
                    Route.table.first { "\($0.methodText) \($0.path)" == place }, "\(place) is described but not served"
                )
                #expect(operation["operationId"]?.string == route.operation.rawValue)
                if case .role(let role) = route.access {
                    #expect(operation["x-sluice-role"]?.string == role.name)
                    #expect((operation["security"]?.count ?? 0) > 0)
                } else {
                    #expect(operation["x-sluice-role"] == nil && operation["security"]?.count == 0)
                }
                let parameters = operation["parameters"].map { list in
                    list.elements.compactMap { $0["name"]?.string }
                }
                #expect(parameters ?? [] == route.placeholders + route.query.map { $0.name.description })
                #expect(operation["responses"]?[String(route.status.code)] != nil)
            }
        }
        #expect(described == Set(Route.table.map { "\($0.methodText) \($0.path)" }))
    }

    @Test func referencesInTheDescriptionLeadSomewhere() async throws {
        let document = try await Scene().ask("GET", "/api/openapi.json").json
        var checked = 0
        func walk(_ view: JSONView) throws {
            if view.kind == .object {
                if let reference = view["$ref"]?.string {
                    checked += 1
                    let target = reference.split(separator: "/").dropFirst().reduce(document as JSONView?) {
                        $0?[String($1)]
                    }
                    #expect(target != nil, "\(reference)")
                }
                for (_, value) in view.members { try walk(value) }
            } else if view.kind == .array {
                for element in view.elements { try walk(element) }
            }
        }
        try walk(document)
        #expect(checked > 20)
    }
}

/// Asserts that an answer is a problem document of a status.
func expectProblem(_ answer: Answer, _ status: Int, says: String = "") throws {
    #expect(answer.status == status)
    #expect(answer.field("Content-Type") == "application/problem+json")
    #expect(answer.field("Cache-Control") == "no-store")
    let document = try answer.json
    #expect(document["type"]?.string == "about:blank")
    #expect(document["status"]?.int == Int64(status))
    #expect(document["title"]?.string == answer.response.status.reason.description)
    #expect(document["request_id"]?.string == answer.field("X-Request-Id"))
    let detail = document["detail"]?.string ?? ""
    #expect(!detail.isEmpty && detail.contains(says), "\(detail)")
}
