import JSON

/// The parameters of `tools/call`.
package struct ToolCall: Sendable {
    package let name: String
    /// Nil when the caller sent none.
    package let arguments: JSONView?

    /// - Throws: one sentence for the caller when `name` is no string or `arguments` no object.
    package init(_ message: RPCMessage) throws(ToolCallFault) {
        guard let name = message.params?["name"]?.string else { throw ToolCallFault.noName }
        let arguments = message.params?["arguments"]
        if let arguments, arguments.kind != .object { throw ToolCallFault.argumentsNotAnObject }
        self.name = name
        self.arguments = arguments
    }
}

/// Why the parameters of `tools/call` can't be used.
package enum ToolCallFault: String, Error, Sendable {
    case noName = "tools/call needs params.name, a string"
    case argumentsNotAnObject = "params.arguments must be an object"
}
