import JSON

/// One thing that a server wants of the client: an object in `inputRequests`.
package struct InputRequest: Sendable {
    /// The server's name for it; the answer comes back under the same.
    package let key: String
    package let method: String
    /// An object, if there is one.
    package let params: JSONView?
    package let kind: InputKind
}

/// Why an "input required" result can't be used.
package enum InputFault: String, Error, Sendable, CaseIterable {
    case wrongResultType = "the result is not of the type input_required"
    case nothing = "inputRequests and requestState are both missing"
    case badRequests = "inputRequests must be an object of objects with method and params"
    case badMethod = "only elicitation/create, sampling/createMessage and roots/list may be asked"
    case badState = "requestState must be a string"
    case tooMany = "there are more than 64 input requests, or a key has more than 256 bytes"
}

/// A result with `resultType: "input_required"`: the request goes on when the client sends it again with answers.
package struct InputRequired: Sendable {
    package let requests: [InputRequest]
    package let requestState: String?

    package static let maximumRequests = 64
    package static let maximumKey = 256

    /// - Throws: the first thing that is wrong with the server's result.
    package init(_ result: JSONView) throws(InputFault) {
        guard ResultType(result) == .inputRequired else { throw .wrongResultType }
        let (asked, state) = (result["inputRequests"], result["requestState"])
        guard asked != nil || state != nil else { throw .nothing }
        guard state == nil || state?.kind == .string else { throw .badState }
        requestState = state?.string
        requests = if let asked { try Self.requests(asked) } else { [] }
    }

    /// What a task wants: `inputRequests` of its state.
    package init(ofTask inputRequests: JSONView) throws(InputFault) {
        requests = try Self.requests(inputRequests)
        requestState = nil
    }

    private static func requests(_ asked: JSONView) throws(InputFault) -> [InputRequest] {
        guard asked.kind == .object else { throw .badRequests }
        guard asked.count <= maximumRequests else { throw .tooMany }
        var requests: [InputRequest] = []
        for (key, request) in asked.members {
            guard key.range.count <= maximumKey + 2 else { throw .tooMany }
            guard let method = request["method"]?.string else { throw .badRequests }
            let params = request["params"]
            guard params == nil || params?.kind == .object else { throw .badRequests }
            guard let kind = InputKind(method: method, params: params) else { throw .badMethod }
            requests.append(InputRequest(key: key.string ?? "", method: method, params: params, kind: kind))
        }
        return requests
    }

    /// Some of the requests.
    package func only(_ isWanted: (InputRequest) -> Bool) -> InputRequired {
        InputRequired(requests: requests.filter(isWanted), requestState: requestState)
    }

    private init(requests: [InputRequest], requestState: String?) {
        self.requests = requests
        self.requestState = requestState
    }

    /// The kinds that the client has not declared in this request: it must not be asked for them.
    package func undeclared(in capabilities: JSONView) -> [InputKind] {
        requests.map(\.kind).filter { !$0.isDeclared(in: capabilities) }
    }

    /// A result of our own.
    /// - Parameters:
    ///   - requests: at least one, or a state; `params` is a JSON object.
    ///   - serverInfo: for `_meta`.
    package static func result(
        _ requests: [(key: String, method: String, params: [UInt8]?)], requestState: String?,
        serverInfo: JSONValue? = nil
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("resultType", "input_required")
        if !requests.isEmpty {
            writer.key("inputRequests")
            writer.beginObject()
            for (key, method, params) in requests {
                writer.key(key)
                writer.beginObject()
                writer.member("method", method)
                if let params {
                    writer.key("params")
                    writer.raw(params)
                }
                writer.endObject()
            }
            writer.endObject()
        }
        writer.memberIfPresent("requestState", requestState)
        if let serverInfo {
            writer.key("_meta")
            writer.value(.object([JSONMember(MetaKey.serverInfo.description, serverInfo)]))
        }
        writer.endObject()
        return writer.bytes
    }
}

/// What a client sends along when it tries a request again.
package struct InputResponses: Sendable {
    private let responses: JSONView?
    package let requestState: String?

    /// - Throws: `badParams` (-32602) when they are malformed. Missing answers are not: one asks again.
    package init(_ params: JSONView?) throws(ProtocolFault) {
        let (responses, state) = (params?["inputResponses"], params?["requestState"])
        guard state == nil || state?.kind == .string else {
            throw ProtocolFault(.badParams, "params.requestState must be a string, as the server gave it")
        }
        if let responses {
            guard responses.kind == .object, responses.count <= InputRequired.maximumRequests,
                responses.members.allSatisfy({ $0.value.kind == .object })
            else {
                throw ProtocolFault(
                    .badParams,
                    "params.inputResponses must be an object of at most \(InputRequired.maximumRequests) "
                        + "result objects, under the keys of inputRequests")
            }
        }
        self.responses = responses
        requestState = state?.string
    }

    /// Whether this is a first try.
    package var isEmpty: Bool { responses == nil && requestState == nil }

    /// The answer under a key: a result object.
    package subscript(key: String) -> JSONView? { responses?[key] }

    /// The keys that have no answer. Answers under other keys are ignored.
    package func missing(of keys: [String]) -> [String] { keys.filter { self[$0] == nil } }
}
