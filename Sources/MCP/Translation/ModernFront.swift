import JSON

/// A modern client in front of a legacy server: how requests and results change on their way.
///
/// Ids, progress tokens and names of several servers are edited elsewhere, in the same splice.
package enum ModernFront {
    // MARK: Introduction

    /// The result of `server/discover`, made of what the server answered to `initialize`.
    package static func discoverResult(
        _ initialized: JSONView, serverVersion: ProtocolVersion, relays: Relays,
        supported: [ProtocolVersion] = ProtocolVersion.modern
    ) -> JSONValue {
        let capabilities = initialized["capabilities"].map {
            Capabilities.server($0, from: serverVersion, to: .newest, relays: relays)
        }
        var members = [
            JSONMember("resultType", "complete"),
            JSONMember("supportedVersions", .array(supported.map { .string($0.rawValue) })),
            JSONMember("capabilities", capabilities ?? [:]),
        ]
        if let instructions = initialized["instructions"], instructions.kind == .string {
            members.append(JSONMember("instructions", instructions.value))
        }
        members += [JSONMember("ttlMs", 0), JSONMember("cacheScope", "private")]
        if let info = initialized["serverInfo"], info.kind == .object {
            members.append(JSONMember("_meta", .object([JSONMember(MetaKey.serverInfo.description, info.value)])))
        }
        return .object(members)
    }

    // MARK: Requests

    /// Takes out of a request what a legacy server has no word for, the envelope and what belongs to retries, and a stray
    /// `task`, which it would take for the wish to run as one. The progress token, trace context and all other keys of `_meta`
    /// go on.
    package static func request(_ message: RPCMessage, in splice: inout JSONSplice) {
        guard let params = message.params else { return }
        for key in ["inputResponses", "requestState", "task"] { splice.remove(key, from: params) }
        guard let meta = params["_meta"], meta.kind == .object else { return }
        let ours = MetaKey.envelope.filter { meta[$0] != nil }
        if ours.count == meta.count { return splice.remove("_meta", from: params) }
        for key in ours { splice.remove(key.description, from: meta) }
    }

    // MARK: Input

    /// A legacy server's request to the client as an entry of `inputRequests`.
    /// - Parameter capabilities: what the client declared in the request that is open.
    /// - Throws: `inputUndeclared`; the server then gets an error, and the client one that says what it would need.
    package static func inputRequest(
        _ request: RPCMessage, capabilities: JSONView
    ) throws(Untranslatable) -> (method: String, params: [UInt8]?) {
        guard let kind = InputKind(method: request.method, params: request.params) else {
            throw .inputOutsideCall(request.method)
        }
        guard kind.isDeclared(in: capabilities) else { throw .inputUndeclared(kind) }
        guard let params = request.params else { return (request.method, nil) }
        return (request.method, inputParams(params))
    }

    /// Without what only the legacy era has: the id of a URL elicitation, progress tokens, tasks of the client.
    private static func inputParams(_ params: JSONView) -> [UInt8] {
        var splice = JSONSplice(params.document)
        for key in ["elicitationId", "task"] { splice.remove(key, from: params) }
        if let meta = params["_meta"], meta.kind == .object {
            let gone = ["progressToken", MetaKey.relatedTask.description].filter { meta[$0] != nil }
            if gone.count == meta.count {
                splice.remove("_meta", from: params)
            } else {
                for key in gone { splice.remove(key, from: meta) }
            }
        }
        return splice.applied(to: params)
    }

    /// The answer to a legacy server's request, from the client's retry.
    package static func answer(to serverRequest: RequestID, _ response: JSONView) -> [UInt8] {
        RPCWriter.result(id: serverRequest, bytes: Array(response.rawBytes))
    }

    /// The answer to a legacy server that can't get what it asks for.
    package static func refusal(of serverRequest: RequestID, _ reason: Untranslatable) -> [UInt8] {
        let code: Int =
            switch reason {
            // Elicitation that the client does not support is refused so (2025-11-25); for all others "no such method".
            case .inputUndeclared(.url), .inputUndeclared(.form): RPCErrorCode.invalidParams.rawValue
            default: RPCErrorCode.methodNotFound.rawValue
            }
        return RPCWriter.error(
            id: serverRequest, number: code, message: reason.text, data: ["reason": .string(reason.reason)])
    }

    /// Error -32042 of a legacy server ("URL elicitation required") as `inputRequests`: the client visits the pages and sends
    /// the request again, which the server then takes as a new one. Nil if the error is another.
    /// - Throws: `inputUndeclared`.
    package static func inputRequests(
        ofError error: JSONView, capabilities: JSONView
    ) throws(Untranslatable) -> [(key: String, method: String, params: [UInt8]?)]? {
        guard let elicitations = RequiredVisits.pages(of: error), elicitations.count > 0,
            elicitations.count <= InputRequired.maximumRequests
        else { return nil }
        guard InputKind.url.isDeclared(in: capabilities) else { throw .inputUndeclared(.url) }
        return elicitations.elements.enumerated().map { index, elicitation in
            (key: "url-\(index + 1)", method: "elicitation/create", params: inputParams(elicitation))
        }
    }
}
