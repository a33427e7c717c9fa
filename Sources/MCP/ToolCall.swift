import JSON

/// The parameters of `tools/call`.
package struct ToolCall: Sendable {
    package let name: String
    /// Nil when the caller sent none.
    package let arguments: JSONView?

    /// - Throws: one sentence for the caller when `name` is no string or `arguments` no object.
    package init(_ message: RPCMessage) throws(ToolCallFault) {
        var name: String?
        var arguments: JSONView?
        guard let params = message.params else { throw .noName }
        // COST: as cursors; see `RPCMessage`.
        for (key, value) in params.cursor.members {
            if key.equals("name") {
                name = value.string
            } else if key.equals("arguments") {
                arguments = value.view
            } else if !Self.known.contains(where: { key.equals($0) }), key.view.looksLike(anyOf: Self.known) {
                throw .lookAlikeMember
            }
        }
        guard let name else { throw .noName }
        if let token = params.cursor["_meta"]?["progressToken"], token.kind != .string, token.view.int == nil {
            throw .badProgressToken
        }
        if let arguments, arguments.kind != .object { throw ToolCallFault.argumentsNotAnObject }
        if arguments?.hasLookAlikeMembers == true { throw ToolCallFault.lookAlikeArguments }
        self.name = name
        self.arguments = arguments
    }

    /// Members of `params` that the protocol knows.
    private static let known: [StaticString] = [
        "name", "arguments", "_meta", "task", "inputResponses", "requestState",
    ]
}

/// Why the parameters of `tools/call` can't be used.
package enum ToolCallFault: String, Error, Sendable {
    case noName = "tools/call needs params.name, a string"
    case argumentsNotAnObject = "params.arguments must be an object"
    case lookAlikeMember = "a member of params differs from a protocol name only in case"
    case lookAlikeArguments = "two members of params.arguments differ only in case; servers disagree about which counts"
    case badProgressToken = "params._meta.progressToken must be a string or an integer"
}
