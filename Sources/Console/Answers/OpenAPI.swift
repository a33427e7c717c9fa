import HTTP
import JSON
import Store

/// The OpenAPI 3.1 document, written from the route table and the schemas.
enum OpenAPI {
    static func document(of table: [Route]) -> [UInt8] {
        var writer = JSONWriter(capacity: 16_384)
        writer.beginObject()
        writer.member("openapi", "3.1.0")
        writer.key("info")
        writer.beginObject()
        writer.member("title", "Sluice admin API")
        writer.member("version", "1")
        writer.member(
            "description",
            "What the gateway knows and has decided. Errors are problem documents (RFC 9457). Roles: viewer < "
                + "policy_manager < admin; `x-sluice-role` is the least one that an operation needs.")
        writer.endObject()
        writer.key("paths")
        writer.beginObject()
        var seen: Set<String> = []
        for route in table where seen.insert(route.path).inserted {
            writer.key(route.path)
            writer.beginObject()
            for same in table where same.path == route.path { operation(same, &writer) }
            writer.endObject()
        }
        writer.endObject()
        components(&writer)
        writer.endObject()
        return writer.bytes
    }

    private static func operation(_ route: Route, _ writer: inout JSONWriter) {
        writer.key(route.methodText.lowercased())
        writer.beginObject()
        writer.member("operationId", route.operation.rawValue)
        writer.member("summary", route.summary)
        writer.key("security")
        writer.beginArray()
        if case .role(let role) = route.access {
            for scheme in route.operation == .openSession ? ["adminToken"] : ["adminToken", "consoleSession"] {
                writer.beginObject()
                writer.member(scheme, [])
                writer.endObject()
            }
            writer.endArray()
            writer.member("x-sluice-role", role.name)
        } else {
            writer.endArray()
        }
        if !route.placeholders.isEmpty || !route.query.isEmpty { parameters(route, &writer) }
        writer.key("responses")
        writer.beginObject()
        answer(route, &writer)
        for code in failures(of: route) {
            writer.key(code)
            writer.beginObject()
            writer.member("$ref", "#/components/responses/Problem")
            writer.endObject()
        }
        writer.endObject()
        writer.endObject()
    }

    private static func parameters(_ route: Route, _ writer: inout JSONWriter) {
        writer.key("parameters")
        writer.beginArray()
        for name in route.placeholders {
            writer.beginObject()
            writer.member("name", name)
            writer.member("in", "path")
            writer.member("required", true)
            writer.key("schema")
            writer.value(["type": "string"])
            writer.endObject()
        }
        for parameter in route.query {
            writer.beginObject()
            writer.member("name", parameter.name.description)
            writer.member("in", "query")
            writer.member("description", parameter.says)
            writer.key("schema")
            writer.value(schema(of: parameter.form))
            writer.endObject()
        }
        writer.endArray()
    }

    private static func schema(of form: QueryParameter.Form) -> JSONValue {
        switch form {
        case .sequence: ["type": "integer", "minimum": 0]
        case .count(let most): ["type": "integer", "minimum": 1, "maximum": .number(JSONNumber(Int64(most)))]
        case .time: ["type": "string", "format": "date-time"]
        case .text: ["type": "string", "minLength": 1]
        case .word(let words): ["type": "string", "enum": .array(words.map { .string($0) })]
        }
    }

    private static func answer(_ route: Route, _ writer: inout JSONWriter) {
        writer.key(String(route.status.code))
        writer.beginObject()
        writer.member("description", route.answer == .nothing ? "Done" : "The answer")
        let (type, schema): (String, JSONValue)
        switch route.answer {
        case .json(let name): (type, schema) = ("application/json", ["$ref": .string("#/components/schemas/\(name)")])
        case .policy: (type, schema) = ("application/json", ["type": "object"])
        case .file("application/json"): (type, schema) = ("application/json", ["type": "object"])
        case .file(let media): (type, schema) = (media, ["type": "string"])
        case .nothing:
            writer.endObject()
            return
        }
        writer.key("content")
        writer.value(.object([JSONMember(type, ["schema": schema])]))
        writer.endObject()
    }

    /// What may go wrong, beside a foreign host name, which is 403 everywhere.
    private static func failures(of route: Route) -> [String] {
        guard case .role = route.access else { return route.operation == .health ? [] : ["403"] }
        var codes = ["400", "401", "403"]
        if !route.placeholders.isEmpty { codes.append("404") }
        if route.operation == .verifyLedger { codes.append("429") }
        return codes + ["503"]
    }

    private static func components(_ writer: inout JSONWriter) {
        writer.key("components")
        writer.beginObject()
        writer.key("securitySchemes")
        writer.value([
            "adminToken": ["type": "http", "scheme": "bearer", "description": "An admin token, sla_…"],
            "consoleSession": [
                "type": "apiKey", "in": "cookie", "name": .string(ConsoleSessions.cookieName),
                "description":
                    "From POST /api/v1/session. Changes also need the page's own Origin and X-Sluice-Console: 1.",
            ],
        ])
        writer.key("responses")
        writer.value([
            "Problem": [
                "description": "A problem document",
                "content": [
                    "application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]
                ],
            ]
        ])
        writer.key("schemas")
        writer.value(Schemas.all)
        writer.endObject()
    }
}
