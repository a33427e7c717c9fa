import JSON

/// The form of every tool result: the JSON envelope of the original as the first text, the same as structured content,
/// then the preview and the link.
enum Envelope {
    /// The result of a call that worked.
    static func success(_ outcome: ToolOutcome, _ dialect: Dialect) -> JSONValue {
        let structured = JSONValue.object(
            [
                JSONMember("status", "success"),
                JSONMember("message", .string(outcome.message)),
            ] + (outcome.data.map { [JSONMember("result", .members([("data", .array($0))]))] } ?? []) + outcome.facts
                + (outcome.failures.isEmpty
                    ? [] : [JSONMember("furtherErrors", .array(outcome.failures.map(describe)))]))
        var content: [JSONValue] = [textBlock(structured)]
        for preview in outcome.previews {
            content.append([
                "type": "image", "data": .string(preview.base64), "mimeType": .string(preview.mimeType),
            ])
        }
        if dialect.hasStructuredResults {
            content += outcome.links.map(\.block)
        }
        return result(content, structured, isError: false, dialect)
    }

    /// The result of a call that failed. `others` are further problems of the same call.
    static func failure(_ error: StudioError, others: [StudioError] = [], _ dialect: Dialect) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("status", .string(status(error))), ("message", .string(error.message)), ("error", describe(error)),
        ]
        if !others.isEmpty { members.append(("furtherErrors", .array(others.map(describe)))) }
        let structured = JSONValue.members(members)
        return result([textBlock(structured)], structured, isError: true, dialect)
    }

    /// The originals' words: theirs for what a service was asked, and for all else.
    private static func status(_ error: StudioError) -> String {
        error.service == nil ? failures[0] : failures[1]
    }

    private static let failures = ["Tool error", "API error"]

    private static func describe(_ error: StudioError) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("code", .string(error.code.rawValue)),
            ("parameter", error.parameter.map(JSONValue.string) ?? .null),
            ("message", .string(error.message)),
            ("retryable", .bool(error.isRetryable)),
        ]
        if let service = error.service {
            members.append(("engine", .string(service.engine)))
            if let code = service.code { members.append(("serviceCode", .string(code))) }
            if let task = service.taskUUID { members.append(("taskUUID", .string(task))) }
            if let task = service.serviceTaskID { members.append(("serviceTaskID", .string(task))) }
            if let wait = service.retryAfter { members.append(("retryAfter", .int(wait))) }
        }
        return .members(members)
    }

    private static func textBlock(_ structured: JSONValue) -> JSONValue {
        ["type": "text", "text": .string(structured.text)]
    }

    private static func result(
        _ content: [JSONValue], _ structured: JSONValue, isError: Bool, _ dialect: Dialect
    ) -> JSONValue {
        var members: [(String, JSONValue)] = [("content", .array(content))]
        if dialect.hasStructuredResults { members.append(("structuredContent", structured)) }
        members.append(("isError", .bool(isError)))
        return .members(members)
    }

    /// The output schema of a tool whose `result.data` holds objects of `item`.
    /// - Parameter facts: schemas of the members beside `result`.
    static func schema(item: JSONValue, facts: [(String, JSONValue)]) -> JSONValue {
        schema(
            [
                (
                    "result",
                    [
                        "type": "object", "properties": ["data": ["type": "array", "items": item]],
                        "required": ["data"], "additionalProperties": false,
                    ]
                )
            ] + facts, required: ["message", "result"])
    }

    /// The output schema of a tool whose result is only members beside `status` and `message`.
    static func plainSchema(_ facts: [(String, JSONValue)]) -> JSONValue {
        schema(facts, required: ["message"] + facts.map { .string($0.0) })
    }

    private static func schema(_ members: [(String, JSONValue)], required: [JSONValue]) -> JSONValue {
        // What these mean is said once, in the server's instructions: each tool's schema has to be complete in itself.
        let error: JSONValue = [
            "type": "object",
            "properties": [
                "code": ["type": "string"], "parameter": ["type": ["string", "null"]], "message": ["type": "string"],
                "retryable": ["type": "boolean"], "engine": ["type": "string"], "serviceCode": ["type": "string"],
                "taskUUID": ["type": "string"], "serviceTaskID": ["type": "string"],
                "retryAfter": ["type": "integer", "minimum": 0],
            ],
            "required": ["code", "parameter", "message", "retryable"],
            "additionalProperties": false,
        ]
        let properties: [(String, JSONValue)] =
            [
                ("status", ["type": "string"]),
                ("message", ["type": "string"]),
            ] + members + [
                ("error", error),
                ("furtherErrors", ["type": "array", "items": ["$ref": "#/properties/error"]]),
            ]
        return .members([
            ("$schema", "https://json-schema.org/draft/2020-12/schema"),
            ("type", "object"),
            ("properties", .members(properties)),
            ("required", ["status"]),
            (
                "oneOf",
                [
                    ["properties": ["status": ["const": "success"]], "required": .array(required)],
                    [
                        "properties": ["status": ["enum": .array(failures.map { .string($0) })]],
                        "required": ["message", "error"],
                    ],
                ]
            ),
            ("additionalProperties", .bool(false)),
        ])
    }
}
