import JSON

/// Results of `tools/call` that we write ourselves.
package enum ToolAnswer {
    /// A normal result that the model can read and adapt to: `isError`, one text block, our `_meta` member.
    package static func failure(id: RequestID, text: String, metaKey: String, meta: JSONValue) -> [UInt8] {
        RPCWriter.result(
            id: id,
            [
                "content": [["type": "text", "text": .string(text)]],
                "isError": true,
                "_meta": .object([JSONMember(metaKey, meta)]),
            ])
    }
}
