import JSON

/// What of the client's abilities the gateway can carry to a server.
package struct Relays: Sendable, Hashable {
    package var elicitation: Bool
    package var sampling: Bool
    package var roots: Bool
    /// Tasks, in whichever form the other side has them.
    package var tasks: Bool

    package init(elicitation: Bool = false, sampling: Bool = false, roots: Bool = false, tasks: Bool = false) {
        self.elicitation = elicitation
        self.sampling = sampling
        self.roots = roots
        self.tasks = tasks
    }

    /// All of them.
    package static let all = Relays(elicitation: true, sampling: true, roots: true, tasks: true)
}

/// Capabilities as they go on to the other side. Members that we don't know pass.
package enum Capabilities {
    /// What a server is told that the client can do: what the client has declared, the gateway can carry, and the server's
    /// version has words for.
    /// - Parameters:
    ///   - declared: the client's own.
    ///   - clientEra: in which form the client has declared it.
    ///   - version: what is spoken with the server.
    package static func client(
        _ declared: JSONView, from clientEra: Era, to version: ProtocolVersion, relays: Relays
    ) -> JSONValue {
        var members: [JSONMember] = []
        for (key, value) in declared.members {
            switch key.string ?? "" {
            case "roots" where !relays.roots: continue
            case "sampling":
                guard relays.sampling else { continue }
                members.append(JSONMember("sampling", sampling(value, version)))
            case "elicitation":
                guard relays.elicitation, let value = elicitation(value, version) else { continue }
                members.append(JSONMember("elicitation", value))
            case "roots" where version.era == .modern:
                // There is no notification for it any more.
                members.append(JSONMember("roots", .object(removing(["listChanged"], from: value.value))))
            // What clients do as tasks is not carried to anybody.
            case "tasks": continue
            case "extensions":
                let without = relays.tasks ? [] : [ExtensionID.tasks]
                members.append(JSONMember("extensions", .object(removing(without, from: value.value))))
            case let key: members.append(JSONMember(key, value.value))
            }
        }
        guard version.era == .legacy else { return .object(members) }
        // Legacy servers learn of the extension in their own form: by the `task` of a call.
        members = members.compactMap { member in
            guard member.key == "extensions" else { return member }
            let rest = removing([ExtensionID.tasks], from: member.value)
            return rest.isEmpty ? nil : JSONMember("extensions", .object(rest))
        }
        return .object(members)
    }

    /// What a client is told that a server can do.
    /// - Parameters:
    ///   - declared: the server's own.
    ///   - serverVersion: what is spoken with the server.
    ///   - version: what is spoken with the client.
    package static func server(
        _ declared: JSONView, from serverVersion: ProtocolVersion, to version: ProtocolVersion, relays: Relays
    ) -> JSONValue {
        var members: [JSONMember] = []
        var extensions: [JSONMember] = []
        var hasTasks = false
        for (key, value) in declared.members {
            switch key.string ?? "" {
            case "tasks":
                hasTasks = value["requests"]?["tools"]?["call"]?.kind == .object
                if version.era == .legacy, serverVersion.era == .legacy, relays.tasks, version == .november2025 {
                    members.append(JSONMember("tasks", value.value))
                }
            case "extensions":
                hasTasks = hasTasks || value[ExtensionID.tasks]?.kind == .object
                extensions = removing([ExtensionID.tasks], from: value.value)
            case let key: members.append(JSONMember(key, value.value))
            }
        }
        if hasTasks, relays.tasks {
            if version.era == .modern {
                extensions.append(JSONMember(ExtensionID.tasks, [:]))
            } else if serverVersion.era == .modern, version == .november2025 {
                members.append(JSONMember("tasks", ["cancel": [:], "requests": ["tools": ["call": [:]]]]))
            }
        }
        if !extensions.isEmpty { members.append(JSONMember("extensions", .object(extensions))) }
        return .object(members)
    }

    /// What several servers behind one endpoint can do together: a feature is there if one has it.
    package static func union(_ all: [JSONValue]) -> JSONValue {
        all.reduce([:]) { joined($0, $1) }
    }

    /// Objects by their members; of other values `true` wins, else the first.
    private static func joined(_ a: JSONValue, _ b: JSONValue) -> JSONValue {
        guard case .object(var members) = a, case .object(let others) = b else {
            return a == .bool(false) ? b : a
        }
        for member in others {
            if let index = members.firstIndex(where: { $0.key == member.key }) {
                members[index].value = joined(members[index].value, member.value)
            } else {
                members.append(member)
            }
        }
        return .object(members)
    }

    private static func elicitation(_ declared: JSONView, _ version: ProtocolVersion) -> JSONValue? {
        guard version >= InputKind.form.since else { return nil }
        guard version < InputKind.url.since else { return declared.value }
        // Before there were modes, an empty object was the whole of it.
        return InputKind.allowsForms(declared) ? [:] : nil
    }

    private static func sampling(_ declared: JSONView, _ version: ProtocolVersion) -> JSONValue {
        version >= InputKind.samplingWithTools.since
            ? declared.value : .object(removing(["tools", "context"], from: declared.value))
    }

    private static func removing(_ keys: [String], from value: JSONValue) -> [JSONMember] {
        guard case .object(let members) = value else { return [] }
        return members.filter { !keys.contains($0.key) }
    }
}
