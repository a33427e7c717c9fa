import Base
import Gateway
import JSON
import Store

/// What is stored, as the API shows it: never a token, a hash, the value of a header or of a variable.
extension JSONWriter {
    mutating func member(_ key: String, _ time: Instant?) {
        self.key(key)
        if let time { string(time.iso8601) } else { null() }
    }

    mutating func member(_ key: String, orNull text: String?) {
        self.key(key)
        if let text { string(text) } else { null() }
    }

    mutating func member(_ key: String, _ texts: [String]) {
        self.key(key)
        beginArray()
        for text in texts { string(text) }
        endArray()
    }

    mutating func server(_ server: Server, _ health: UpstreamHealth) {
        beginObject()
        member("name", server.name)
        member("kind", server.kind.rawValue)
        switch server.transport {
        case .http(let url, let headers):
            // A query may hold a key; what comes before it may not (the store refuses user names and passwords).
            member("url", String(url.prefix { $0 != "?" && $0 != "#" }))
            member("header_names", headers.map(\.name))
        case .stdio(let command, let inherit, let variables, let directory):
            // Arguments may hold keys too, so there is only their number.
            member("program", command.first ?? "")
            member("argument_count", max(0, command.count - 1))
            member("inherited_variables", inherit)
            member("variable_names", variables.map(\.name))
            member("directory", orNull: directory)
        }
        member("allow_private", server.allowPrivate)
        member("created", server.created)
        key("health")
        self.health(health)
        endObject()
    }

    private mutating func health(_ health: UpstreamHealth) {
        beginObject()
        member("state", health.state.rawValue)
        member("protocol_version", orNull: health.protocolVersion)
        member("era", orNull: health.era)
        member("failures_in_a_row", health.failuresInARow)
        member("last_error", orNull: health.lastError)
        member("last_error_at", health.lastErrorAt)
        member("next_try", health.nextTry)
        key("pids")
        beginArray()
        for pid in health.pids { int(Int64(pid)) }
        endArray()
        member("calls_in_flight", health.callsInFlight)
        member("calls_waiting", health.callsWaiting)
        endObject()
    }

    mutating func policy(_ policy: PolicyVersion) {
        beginObject()
        member("name", policy.name)
        member("server", policy.server)
        member("version", policy.version)
        member("bytes", policy.bytes.count)
        member("created", policy.created)
        endObject()
    }

    mutating func identity(_ identity: Identity) {
        beginObject()
        member("name", identity.name)
        member("created", identity.created)
        endObject()
    }

    mutating func grant(_ grant: Grant, now: Instant) {
        beginObject()
        member("id", grant.id)
        member("label", grant.label)
        member("server", grant.server)
        member("policy", grant.policy)
        member("identity", orNull: grant.identity)
        member("standing", grant.standing(at: now).rawValue)
        member("created", grant.created)
        member("expires", grant.expires)
        member("revoked", grant.revoked)
        member("rotated", grant.rotated)
        endObject()
    }

    mutating func session(_ speaker: Operator, expires: Instant?) {
        beginObject()
        member("token_id", speaker.token.id)
        member("label", speaker.token.label)
        member("role", speaker.token.role.name)
        member("expires", expires)
        endObject()
    }

    mutating func verdict(_ verdict: LedgerVerdict) {
        beginObject()
        member("intact", verdict.isIntact)
        member("checked", verdict.checked)
        member("head_seq", verdict.headSequence)
        member("head_hash", Hex.encode(verdict.headHash))
        key("breach")
        if let breach = verdict.breach {
            beginObject()
            member("seq", breach.seq)
            member("kind", breach.kind.rawValue)
            member("text", breach.text)
            endObject()
        } else {
            null()
        }
        endObject()
    }

    /// `{name: [items]}`.
    mutating func list<Item>(_ name: String, _ items: [Item], _ write: (inout JSONWriter, Item) -> Void) {
        beginObject()
        key(name)
        beginArray()
        for item in items { write(&self, item) }
        endArray()
        endObject()
    }
}

/// The bytes that `body` writes.
func jsonBytes(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    body(&writer)
    return writer.bytes
}
