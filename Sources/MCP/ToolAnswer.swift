import JSON

/// Results of `tools/call` that we write ourselves.
package enum ToolAnswer {
    /// A normal result that the model can read and adapt to: `isError`, one text block, our `_meta` member.
    /// - Parameter isModern: whether the client wants to be told the result's type.
    package static func failure(
        id: RequestID, text: String, metaKey: String, meta: JSONValue, isModern: Bool = false
    ) -> [UInt8] {
        var members = [
            JSONMember("content", [["type": "text", "text": .string(text)]]), JSONMember("isError", true),
            JSONMember("_meta", .object([JSONMember(metaKey, meta)])),
        ]
        if isModern { members.append(JSONMember("resultType", "complete")) }
        return RPCWriter.result(id: id, .object(members))
    }
}
