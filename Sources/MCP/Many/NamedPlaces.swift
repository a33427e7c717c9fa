import JSON

/// Where messages speak of tools, prompts and resources by name: the places that change when several servers stand behind
/// one endpoint. `structuredContent` and texts are data and are left alone.
package enum NamedPlaces {
    // MARK: Resource URIs

    /// URIs in a request's or an input request's parameters.
    package static func uris(inRequest method: String, _ params: JSONView?) -> [JSONView] {
        guard let params else { return [] }
        switch method {
        case "resources/read", "resources/subscribe", "resources/unsubscribe":
            return strings(params["uri"])
        case "completion/complete":
            guard let ref = params["ref"], ref["type"]?.equals("ref/resource") == true else { return [] }
            return strings(ref["uri"])
        case "subscriptions/listen":
            return params["notifications"]?["resourceSubscriptions"]?.elements.filter { $0.kind == .string } ?? []
        case "sampling/createMessage":
            return params["messages"]?.elements.flatMap { uris(inContent: $0["content"]) } ?? []
        default: return []
        }
    }

    /// URIs in a notification's parameters.
    package static func uris(inNotification method: String, _ params: JSONView?) -> [JSONView] {
        switch method {
        case "notifications/resources/updated": strings(params?["uri"])
        case "notifications/subscriptions/acknowledged": uris(inRequest: "subscriptions/listen", params)
        // A finished task brings its result along.
        case "notifications/tasks": params.map { uris(inResultOf: "tasks/get", $0) } ?? []
        default: []
        }
    }

    /// URIs in a result, an "input required" one included.
    package static func uris(inResultOf method: String, _ result: JSONView) -> [JSONView] {
        if let requests = result["inputRequests"] {
            return requests.members.flatMap { uris(inRequest: $0.value["method"]?.string ?? "", $0.value["params"]) }
        }
        switch method {
        case "tools/call", "tasks/result": return uris(inContent: result["content"])
        case "tasks/get": return uris(inContent: result["result"]?["content"])
        case "tools/list": return result["tools"]?.elements.flatMap { uris(inTool: $0) } ?? []
        case "resources/list": return result["resources"]?.elements.flatMap { strings($0["uri"]) } ?? []
        case "resources/templates/list":
            return result["resourceTemplates"]?.elements.flatMap { strings($0["uriTemplate"]) } ?? []
        case "resources/read": return result["contents"]?.elements.flatMap { strings($0["uri"]) } ?? []
        case "prompts/get": return result["messages"]?.elements.flatMap { uris(inContent: $0["content"]) } ?? []
        default: return []
        }
    }

    /// URIs in the definition of a tool: its user interface (MCP Apps), in the newer and the older place.
    package static func uris(inTool tool: JSONView) -> [JSONView] {
        guard let meta = tool["_meta"] else { return [] }
        return strings(meta["ui"]?["resourceUri"]) + strings(meta["ui/resourceUri"])
    }

    /// URIs in an error: "resource not found" names it.
    package static func uris(inError error: JSONView) -> [JSONView] { strings(error["data"]?["uri"]) }

    /// URIs in content blocks: one block or an array of them.
    private static func uris(inContent content: JSONView?) -> [JSONView] {
        guard let content else { return [] }
        if content.kind == .array { return content.elements.flatMap { uris(inContent: $0) } }
        switch content["type"]?.string {
        case "resource_link": return strings(content["uri"])
        case "resource": return strings(content["resource"]?["uri"])
        case "tool_result": return uris(inContent: content["content"])
        default: return []
        }
    }

    private static func strings(_ view: JSONView?) -> [JSONView] {
        view.flatMap { $0.kind == .string ? [$0] : nil } ?? []
    }

    // MARK: Names

    /// The name of a tool or prompt in a request's parameters, if the request has one.
    package static func name(inRequest method: String, _ params: JSONView?) -> JSONView? {
        let view: JSONView? =
            switch method {
            case "tools/call", "prompts/get": params?["name"]
            case "completion/complete":
                params?["ref"].flatMap { $0["type"]?.equals("ref/prompt") == true ? $0["name"] : nil }
            default: nil
            }
        return view.flatMap { $0.kind == .string ? $0 : nil }
    }
}
