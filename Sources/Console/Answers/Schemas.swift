import Gateway
import JSON
import Store

/// What the answers look like. A test holds real answers against this.
enum Schemas {
    private static let text: JSONValue = ["type": "string"]
    private static let optionalText: JSONValue = ["type": ["string", "null"]]
    private static let whole: JSONValue = ["type": "integer"]
    private static let optionalWhole: JSONValue = ["type": ["integer", "null"]]
    private static let flag: JSONValue = ["type": "boolean"]
    private static let texts: JSONValue = ["type": "array", "items": ["type": "string"]]
    private static let time: JSONValue = ["type": "string", "format": "date-time"]
    private static let optionalTime: JSONValue = ["type": ["string", "null"], "format": "date-time"]

    private static func words(_ words: [String]) -> JSONValue {
        ["type": "string", "enum": .array(words.map { .string($0) })]
    }

    private static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }

    private static func list(of name: String) -> JSONValue { ["type": "array", "items": reference(name)] }

    /// An object with exactly these members; those of `optional` may be left out.
    private static func object(
        _ members: KeyValuePairs<String, JSONValue>, optional: KeyValuePairs<String, JSONValue> = [:]
    ) -> JSONValue {
        [
            "type": "object",
            "required": .array(members.map { .string($0.key) }),
            "properties": .object(
                (Array(members) + Array(optional)).map { JSONMember($0.key, $0.value) }),
            "additionalProperties": false,
        ]
    }

    static let all: JSONValue = [
        "Problem": object([
            "type": text, "title": text, "status": whole, "detail": text, "request_id": text,
        ]),
        "Session": object([
            "token_id": text, "label": text, "role": words(Role.allCases.map(\.name)), "expires": optionalTime,
        ]),
        "Status": object([
            "version": text, "started": time, "uptime_seconds": whole, "listen": text, "generation": whole,
            "ledger": object(["healthy": flag, "last_seq": whole]),
            "sessions": whole, "calls_in_flight": whole,
            "since_start": object([
                "allowed": whole, "denied": whole, "shadow_denied": whole, "unauthenticated": whole,
                "upstream_failures": whole, "ledger_failures": whole,
            ]),
            "servers": whole, "policies": whole, "active_grants": whole,
        ]),
        "Server": object(
            [
                "name": text, "kind": words(Server.Kind.allCases.map(\.rawValue)), "allow_private": flag,
                "created": time, "health": reference("Health"),
            ],
            optional: [
                "url": text, "header_names": texts, "program": text, "argument_count": whole,
                "inherited_variables": texts, "variable_names": texts, "directory": optionalText,
            ]),
        "Health": object([
            "state": words(UpstreamHealth.State.allCases.map(\.rawValue)), "protocol_version": optionalText,
            "era": optionalText, "failures_in_a_row": whole,
            "last_error": optionalText, "last_error_at": optionalTime, "next_try": optionalTime,
            "pids": ["type": "array", "items": ["type": "integer"]], "calls_in_flight": whole, "calls_waiting": whole,
        ]),
        "Servers": object(["servers": list(of: "Server")]),
        "Finding": object([
            "code": words(Finding.Code.allCases.map(\.rawValue)),
            "severity": words(Finding.Severity.allCases.map(\.name)), "server": text, "tool": optionalText,
            "where": optionalText, "quote": optionalText, "text": text,
            "also": ["type": "array", "items": object(["server": text, "tool": text])], "since": time,
            "effect": words(Finding.Effect.allCases.map(\.rawValue)), "mend": text,
        ]),
        "Findings": object([
            "findings": list(of: "Finding"), "total": whole,
            "servers": ["type": "array", "items": object(["name": text, "pinned": flag, "seen": optionalTime])],
        ]),
        "Policy": object(["name": text, "server": text, "version": whole, "bytes": whole, "created": time]),
        "Policies": object(["policies": list(of: "Policy")]),
        "Identity": object(["name": text, "created": time]),
        "Identities": object(["identities": list(of: "Identity")]),
        "Grant": object([
            "id": text, "label": text, "server": text, "policy": text, "identity": optionalText,
            "standing": words(Grant.Standing.allCases.map(\.rawValue)), "created": time, "expires": optionalTime,
            "revoked": optionalTime, "rotated": optionalTime,
        ]),
        "Grants": object(["grants": list(of: "Grant")]),
        "Row": object([
            "seq": whole, "time": time, "decision_seq": optionalWhole, "request_id": text, "server": optionalText,
            "grant_id": optionalText, "grant_label": optionalText, "identity": optionalText,
            "session_id": optionalText, "method": optionalText, "tool": optionalText, "argument_keys": texts,
            "argument_digest": optionalText, "policy": optionalText, "policy_version": optionalWhole,
            "outcome": words(Outcome.allCases.map(\.name)), "shadow": flag, "rule": optionalText,
            "rule_alias": optionalText, "message": optionalText, "evidence": optionalText,
            "reservations": optionalText, "released": flag, "upstream_status": optionalWhole,
            "latency_us": optionalWhole, "request_bytes": optionalWhole, "response_bytes": optionalWhole,
            "hash": optionalText, "previous_hash": optionalText,
        ]),
        "Decisions": object(["decisions": list(of: "Row"), "next": optionalText]),
        "Decision": object(["row": reference("Row"), "outcomes": list(of: "Row")]),
        "Verdict": object([
            "intact": flag, "checked": whole, "head_seq": whole, "head_hash": text,
            "breach": [
                "type": ["object", "null"], "required": ["seq", "kind", "text"],
                "properties": [
                    "seq": whole, "kind": words(LedgerVerdict.Breach.Kind.allCases.map(\.rawValue)), "text": text,
                ],
                "additionalProperties": false,
            ],
        ]),
    ]
}
