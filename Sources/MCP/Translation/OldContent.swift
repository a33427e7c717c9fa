import JSON

/// Content blocks that older clients don't know, and take for a broken message: text stands in for them.
package enum OldContent {
    /// The first version that knows a type of content block.
    private static func since(_ type: String) -> ProtocolVersion? {
        switch type {
        case "audio": .march2025
        case "resource_link": .june2025
        default: nil
        }
    }

    /// Replaces blocks of the result that are newer than the client's version.
    package static func replace(
        inResultOf method: String, _ result: JSONView, version: ProtocolVersion, in splice: inout JSONSplice
    ) {
        guard version < .june2025 else { return }
        switch method {
        case "tools/call":
            for block in result["content"]?.elements.map({ $0 }) ?? [] { replace(block, version, in: &splice) }
        case "prompts/get":
            for message in result["messages"]?.elements.map({ $0 }) ?? [] {
                if let block = message["content"] { replace(block, version, in: &splice) }
            }
        default: break
        }
    }

    private static func replace(_ block: JSONView, _ version: ProtocolVersion, in splice: inout JSONSplice) {
        guard let type = block["type"]?.string, let since = since(type), version < since else { return }
        let text: String
        if type == "resource_link" {
            let name = block["title"]?.string ?? block["name"]?.string
            let uri = block["uri"]?.string ?? ""
            text = name.map { "\($0): \(uri)" } ?? uri
        } else {
            text =
                "[\(type) (\(block["mimeType"]?.string ?? "unknown type")): protocol version "
                + "\(version.rawValue) has no such content]"
        }
        splice.replace(
            block,
            with: JSONValue.object([
                JSONMember("type", "text"), JSONMember("text", .string(text)),
            ]).bytes)
    }
}
