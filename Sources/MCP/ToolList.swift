import JSON

/// A page of `tools/list`, as the upstream sent it.
package struct ToolList: Sendable {
    package let message: RPCMessage
    private let tools: JSONView

    /// Nil unless the message is a result with an array `tools` of objects that have a string `name`.
    package init?(_ message: RPCMessage) {
        guard case .response(_, isError: false) = message.kind, let tools = message.outcome?["tools"],
            tools.kind == .array, tools.elements.allSatisfy({ $0["name"]?.kind == .string })
        else { return nil }
        self.message = message
        self.tools = tools
    }

    /// The definitions with their names, in the upstream's order.
    package var definitions: [(name: String, definition: JSONView)] {
        tools.elements.map { ($0["name"]?.string ?? "", $0) }
    }

    package var nextCursor: String? { message.outcome?["nextCursor"]?.string }

    /// The page for a client: its id, and only the tools that `isListed` lets through. Other bytes stay as they are.
    package func filtered(for clientID: RequestID, _ isListed: (String) -> Bool) -> [UInt8] {
        var splice = Splice()
        if let range = message.idRange { splice.replace(range, with: clientID.raw) }
        let kept = tools.elements.filter { isListed($0["name"]?.string ?? "") }
        if kept.count < tools.count {
            var array: [UInt8] = [UInt8(ascii: "[")]
            for (index, tool) in kept.enumerated() {
                if index > 0 { array.append(UInt8(ascii: ",")) }
                array.append(contentsOf: tool.rawBytes)
            }
            array.append(UInt8(ascii: "]"))
            splice.replace(tools.range, with: array)
        }
        return splice.applied(to: message.document.bytes)
    }
}
