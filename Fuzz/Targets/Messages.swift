import Base
import JSON
import MCP

/// A relayed message is the one that was judged: only the id, the progress token and our own member may differ, and not
/// another byte. What is a message, and of which kind, is what JSON-RPC and MCP say in their tables.
func fuzzMessages(_ bytes: [UInt8]) {
    guard let document = try? JSONDocument.parse(bytes) else { return }
    let message = try? RPCMessage(document)
    checkKind(document.root, message)
    guard let message else { return }
    switch message.kind {
    case .request: checkRequest(message)
    case .notification: checkProgress(message)
    case .response: checkResponse(message)
    }
}

/// SPEC: JSON-RPC 2.0 §4 and §5, MCP base protocol: no null ids in requests, `params` is an object.
private func checkKind(_ root: JSONView, _ message: RPCMessage?) {
    let names = ["jsonrpc", "id", "method", "params", "result", "error"]
    // Members that are nearly one of these are refused, which is a rule of ours.
    guard root.kind == .object, root.members.allSatisfy({ names.contains($0.key.string ?? "") }) else { return }
    let (id, method) = (root["id"], root["method"])
    let isID = id.map { $0.range.count <= RequestID.maxBytes && ($0.kind == .string || $0.int != nil) } ?? false
    let (hasResult, hasError) = (root["result"] != nil, root["error"] != nil)
    var kind = "none"
    if root["jsonrpc"]?.string == "2.0" {
        if method != nil {
            let isFit =
                method?.kind == .string && !hasResult && !hasError && (root["params"]?.kind ?? .object) == .object
            if isFit { kind = id == nil ? "notification" : isID ? "request" : "none" }
        } else if hasResult != hasError {
            kind = hasError ? "error" : isID ? "result" : "none"
        }
    }
    let found =
        switch message?.kind {
        case nil: "none"
        case .request: "request"
        case .notification: "notification"
        case .response(_, let isError): isError ? "error" : "result"
        }
    expect(found == kind, "a message of kind \(kind) is taken for \(found)")
    guard case .response(let answered, _) = message?.kind else { return }
    expect(answered.map { $0.raw } == (isID ? id.map { Array($0.rawBytes) } : nil), "another id than the sender wrote")
}

/// The text with some of its ranges replaced, and nothing else.
private func replaced(_ bytes: [UInt8], _ edits: [(range: Range<Int>?, text: String)]) -> [UInt8] {
    var bytes = bytes
    for edit in edits.sorted(by: { $0.range?.lowerBound ?? 0 > $1.range?.lowerBound ?? 0 }) {
        if let range = edit.range { bytes.replaceSubrange(range, with: Array(edit.text.utf8)) }
    }
    return bytes
}

private func checkRequest(_ message: RPCMessage) {
    let bytes = Relay.request(message, upstreamID: 77)
    expect(parsed(Relay.singleLine(bytes)).root == parsed(bytes).root, "the line says something else")
    let expected = replaced(
        message.document.bytes, [(message.root["id"]?.range, "77"), (message.progressToken?.range, "77")])
    expect(bytes == expected, "another byte changed: \(String(decoding: bytes, as: UTF8.self))")
    let relayed = parsed(bytes)
    expect(relayed.root["id"]?.int == 77, "the id is not ours")
    if message.progressToken != nil { expect(relayed.progressToken?.int == 77, "the token is not ours") }
    expect(relayed.method == message.method, "another method")
    let token = ["params", "_meta", "progressToken"]
    expect(
        relayed.root.value.without(["id"]).without(message.progressToken == nil ? [] : token)
            == message.root.value.without(["id"]).without(message.progressToken == nil ? [] : token),
        "more than id and token changed")
    if let call = try? ToolCall(message) {
        guard let again = try? ToolCall(relayed) else { fail("no call any more") }
        expect(
            again.name == call.name && again.arguments?.rawBytes.elementsEqual(call.arguments?.rawBytes ?? []) != false,
            "another call")
    }
}

private func checkProgress(_ message: RPCMessage) {
    guard let bytes = Relay.progress(message, clientToken: Array("\"t\"".utf8)) else { return }
    let expected = replaced(message.document.bytes, [(message.params?["progressToken"]?.range, "\"t\"")])
    expect(bytes == expected, "another byte changed: \(String(decoding: bytes, as: UTF8.self))")
    let relayed = parsed(bytes)
    expect(relayed.params?["progressToken"]?.string == "t", "the token is not the client's")
    expect(
        relayed.root.value.without(["params", "progressToken"])
            == message.root.value.without(["params", "progressToken"]),
        "more than the token changed")
}

private func checkResponse(_ message: RPCMessage) {
    guard let id = try? JSONDocument.parse(Array("\"c\"".utf8)).root, let client = RequestID(id) else { return }
    let isForged = message.outcome?["_meta"]?.members.contains { $0.key.string?.hasPrefix("sluice/") == true } ?? false
    if let place = message.root["id"]?.range, !isForged {
        let expected = replaced(message.document.bytes, [(place, "\"c\"")])
        expect(Relay.response(message, clientID: client) == expected, "another byte than the id changed")
        expect(Relay.renumbered(message, client) == expected, "another byte than the id changed")
    }
    let meta = MetaMember(key: "sluice/limits", value: Array("[1]".utf8))
    let relayed = parsed(Relay.response(message, clientID: client, meta: meta))
    expect(relayed.root["id"]?.string == "c", "the id is not the client's")
    let (before, after) = (
        message.root.value.without(["id"]).withoutOurs, relayed.root.value.without(["id"]).withoutOurs
    )
    expect(before == after || before == after.without(["result", "_meta"]), "more than id and our members changed")
    if let forged = relayed.outcome?["_meta"]?["sluice/limits"], relayed.root["result"] != nil {
        expect(forged.rawBytes.elementsEqual("[1]".utf8), "the upstream spoke in our name")
    }
    for kind in ListKind.allCases { checkList(message, kind) }
}

/// A list without some of its entries has the others, and nothing else in the message changes.
private func checkList(_ message: RPCMessage, _ kind: ListKind) {
    guard let page = ListPage(message, kind) else { return }
    func isKept(_ entry: ListPage.Entry) -> Bool { entry.id.utf8.count.isMultiple(of: 2) }
    var splice = JSONSplice(message.document)
    page.filter(in: &splice, isKept)
    let some = parsed(splice.applied())
    let kept = ListPage(some, kind)
    expect(
        kept?.entries.map(\.view.value) == page.entries.filter(isKept).map(\.view.value), "other entries than asked for"
    )
    let (before, after) = (message.outcome?[kind.rawValue], some.outcome?[kind.rawValue])
    if let before, let after {
        let (whole, less) = (message.document.bytes, some.document.bytes)
        expect(
            whole[..<before.range.lowerBound] == less[..<after.range.lowerBound]
                && whole[before.range.upperBound...].elementsEqual(less[after.range.upperBound...]),
            "a byte outside of the list changed")
    }
    expect(
        kept?.entries.map { Array($0.view.rawBytes) } == page.entries.filter(isKept).map { Array($0.view.rawBytes) },
        "an entry has other bytes")
    let list = ["result", kind.rawValue]
    expect(some.root.value.without(list) == message.root.value.without(list), "more than the list changed")
}

private func parsed(_ bytes: [UInt8]) -> RPCMessage {
    guard let document = try? JSONDocument.parse(bytes), let message = try? RPCMessage(document) else {
        fail("what is relayed is no message")
    }
    return message
}

extension RPCMessage {
    fileprivate var root: JSONView { document.root }
}

extension JSONValue {
    /// The value without what only the gateway may write into a result.
    fileprivate var withoutOurs: JSONValue {
        guard case .object(let fields)? = self["result"]?["_meta"] else { return self }
        return fields.filter { $0.key.hasPrefix("sluice/") }.reduce(self) { value, field in
            value.without(["result", "_meta", field.key])
        }
    }

    /// The value without the member at a path of keys.
    fileprivate func without(_ path: [String]) -> JSONValue {
        guard let key = path.first, case .object(let members) = self else { return self }
        return .object(
            members.compactMap { member in
                guard member.key == key else { return member }
                return path.count == 1 ? nil : JSONMember(key, member.value.without(Array(path.dropFirst())))
            })
    }
}
