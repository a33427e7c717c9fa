import JSON

/// The messages of one `subscriptions/listen`. Each names the listen request by its id, with the id's JSON type.
package enum Subscription {
    private static let path = ["params", "_meta", MetaKey.subscriptionID.description]

    /// The first message of the stream: what was granted.
    package static func acknowledgement(of id: RequestID, granted: ListenFilter) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("jsonrpc", "2.0")
        writer.member("method", "notifications/subscriptions/acknowledged")
        writer.key("params")
        writer.beginObject()
        writer.key("notifications")
        writer.value(granted.value)
        meta(id, in: &writer)
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    /// The last message of a stream that we end ourselves: the result of the listen request.
    package static func end(of id: RequestID) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("jsonrpc", "2.0")
        writer.key("id")
        writer.raw(id.raw)
        writer.key("result")
        writer.beginObject()
        writer.member("resultType", "complete")
        meta(id, in: &writer)
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    private static func meta(_ id: RequestID, in writer: inout JSONWriter) {
        writer.key("_meta")
        writer.beginObject()
        writer.key(MetaKey.subscriptionID.description)
        writer.raw(id.raw)
        writer.endObject()
    }

    /// Which listen a message belongs to; nil if it does not say.
    package static func id(of message: RPCMessage) -> RequestID? {
        let holder = message.params ?? message.outcome
        return holder?["_meta"]?[MetaKey.subscriptionID].flatMap { RequestID($0) }
    }

    /// Has a notification name the client's listen, in place of the one upstream.
    package static func stamp(_ notification: RPCMessage, _ id: RequestID, in splice: inout JSONSplice) {
        splice.set(path, to: id.raw, under: notification.document.root)
    }

    /// Takes the name of the listen out, for a legacy client. What is empty without it goes too.
    package static func unstamp(_ notification: RPCMessage, in splice: inout JSONSplice) {
        guard let params = notification.params, let meta = params["_meta"], meta[MetaKey.subscriptionID] != nil else {
            return
        }
        let root = notification.document.root
        splice.remove(Array(path.prefix(meta.count > 1 ? 3 : params.count > 1 ? 2 : 1)), under: root)
    }
}
