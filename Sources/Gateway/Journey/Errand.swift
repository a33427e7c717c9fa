import JSON
import MCP
import Policy

/// What a request wants done, as policy and ledger see it: a tool called, a resource read, a prompt fetched.
struct Errand: Sendable {
    /// The JSON-RPC method, for the ledger.
    let method: String
    let subject: Subject
    /// As the server knows it.
    let name: String
    /// What the policy's `args` are; nil when the caller sent none.
    let arguments: JSONView?

    /// The name with the subject's prefix: what selectors match and the ledger keeps.
    var selectorName: String { subject.selectorName(of: name) }

    /// Nil when the method is none of the three.
    /// - Throws: one sentence for the caller when the parameters can't be used.
    init?(_ message: RPCMessage) throws(ErrandFault) {
        switch message.method {
        case "tools/call":
            do throws(ToolCallFault) {
                let call = try ToolCall(message)
                self.init(message.method, .tool, call.name, call.arguments)
            } catch {
                throw ErrandFault(text: error.rawValue)
            }
        case "resources/read":
            guard let uri = message.params?["uri"]?.string else {
                throw ErrandFault(text: "resources/read needs params.uri, a string")
            }
            try Self.refuseLookAlikes(message.params, ["uri", "inputResponses", "requestState"])
            self.init(message.method, .resource, uri, message.params)
        case "prompts/get":
            guard let name = message.params?["name"]?.string else {
                throw ErrandFault(text: "prompts/get needs params.name, a string")
            }
            let arguments = message.params?["arguments"]
            guard arguments == nil || arguments?.kind == .object else {
                throw ErrandFault(text: "params.arguments must be an object")
            }
            try Self.refuseLookAlikes(message.params, ["name", "arguments", "inputResponses", "requestState"])
            if arguments?.hasLookAlikeMembers == true {
                throw ErrandFault(text: ToolCallFault.lookAlikeArguments.rawValue)
            }
            self.init(message.method, .prompt, name, arguments)
        default: return nil
        }
    }

    /// What a server asks of the client.
    init(asking kind: InputKind, _ params: JSONView?) {
        switch kind {
        case .form, .url: self.init("elicitation/create", .client, "elicitation", params)
        case .sampling, .samplingWithTools: self.init("sampling/createMessage", .client, "sampling", params)
        case .roots: self.init("roots/list", .client, "roots", params)
        }
    }

    init(_ method: String, _ subject: Subject, _ name: String, _ arguments: JSONView?) {
        self.method = method
        self.subject = subject
        self.name = name
        self.arguments = arguments
    }

    /// Servers whose JSON library ignores case would read another member than we judged.
    static func refuseLookAlikes(_ params: JSONView?, _ names: [StaticString]) throws(ErrandFault) {
        guard let params, params.kind == .object else { return }
        for (key, _) in params.members {
            guard !names.contains(where: { key.equals($0) }) else { continue }
            if names.contains(where: { key.looksLike(anyOf: [$0]) }) {
                throw ErrandFault(text: "a member of params differs from a protocol name only in case")
            }
        }
    }
}

/// Why the parameters of a request can't be used: one sentence for the caller.
struct ErrandFault: Error, Sendable, Hashable {
    let text: String
}
