import JSON

/// One JSON-RPC message as a view over its document. The bytes stay as they came; nothing is decoded before it is asked for.
///
/// COST: a class, because a message is handed on through the whole journey, and a copy would retain each of its parts.
package final class RPCMessage: Sendable {
    package enum Kind: Sendable {
        case request(RequestID)
        case notification
        /// A result or an error; the id is nil when the sender could not read ours.
        case response(RequestID?, isError: Bool)
    }

    package let document: JSONDocument
    package let kind: Kind
    /// The method of a request or notification; empty for responses.
    package let method: String
    /// The `params` object, if there is one.
    package let params: JSONView?
    /// The `result` or `error` of a response.
    package let outcome: JSONView?
    /// Where the id stands in the document's bytes.
    package let idRange: Range<Int>?

    /// - Throws: `RPCFault` when the document is no single JSON-RPC 2.0 message as MCP allows it.
    package init(_ document: JSONDocument) throws(RPCFault) {
        let root = document.root
        guard root.kind == .object else { throw RPCFault(root.kind == .array ? .batch : .notAnObject) }
        // COST: as cursors, since each view of a member would be a retain and a release. The document is ours meanwhile.
        var version, id, method, params, result, error: JSONCursor?
        for (key, value) in root.cursor.members {
            if key.equals("jsonrpc") {
                version = value
            } else if key.equals("id") {
                id = value
            } else if key.equals("method") {
                method = value
            } else if key.equals("params") {
                params = value
            } else if key.equals("result") {
                result = value
            } else if key.equals("error") {
                error = value
            } else if key.view.looksLike(anyOf: ["jsonrpc", "id", "method", "params", "result", "error"]) {
                throw RPCFault(.lookAlikeMember)
            }
        }
        guard let version, version.equals("2.0") else { throw RPCFault(.wrongVersion) }
        self.document = document
        idRange = id?.range
        if let method {
            guard let name = method.string else { throw RPCFault(.badMethod) }
            guard result == nil, error == nil else { throw RPCFault(.requestAndResponse) }
            if let params, params.kind != .object { throw RPCFault(.badParams) }
            self.method = name
            self.params = params?.view
            outcome = nil
            if let id {
                guard let requestID = RequestID(id.view) else { throw RPCFault(.badID) }
                kind = .request(requestID)
            } else {
                kind = .notification
            }
            return
        }
        self.method = ""
        self.params = nil
        switch (result, error) {
        case (nil, nil): throw RPCFault(.nothing)
        case (_?, _?): throw RPCFault(.bothResultAndError)
        case (let value, nil):
            guard let id, let requestID = RequestID(id.view) else { throw RPCFault(.badID) }
            outcome = value?.view
            kind = .response(requestID, isError: false)
        case (nil, let value):
            // An error may come with a null id or none, when the other side could not read the request.
            outcome = value?.view
            kind = .response(id.flatMap { RequestID($0.view) }, isError: true)
        }
    }

    /// The request's progress token: a string or an integer, where it stands in `params._meta`.
    package var progressToken: JSONView? {
        guard let token = params?["_meta"]?["progressToken"] else { return nil }
        return token.kind == .string || token.int != nil ? token : nil
    }
}
