import HTTP
import JSON
import MCP

/// The names and URIs of one server in the words of the endpoint for all, and back.
struct Renaming: Sendable {
    let server: String

    /// A message of the server's.
    /// - Parameter method: what it answers, if it is an answer.
    func toClient(_ bytes: [UInt8], answering method: String) -> [UInt8] {
        guard let document = try? JSONDocument.parse(bytes, limits: .upstream), let message = try? RPCMessage(document)
        else { return bytes }
        let uris: [JSONView] =
            switch message.kind {
            case .request: NamedPlaces.uris(inRequest: message.method, message.params)
            case .notification: NamedPlaces.uris(inNotification: message.method, message.params)
            case .response(_, let isError):
                message.outcome.map {
                    isError ? NamedPlaces.uris(inError: $0) : NamedPlaces.uris(inResultOf: method, $0)
                } ?? []
            }
        guard !uris.isEmpty else { return bytes }
        var splice = JSONSplice(document)
        for uri in uris { splice.replace(uri, with: ServerURI.exposed(uri.string ?? "", of: server)) }
        return splice.applied()
    }

    /// A client's request, with the server's own name for what it is about.
    /// - Parameter name: the server's name of the tool or prompt, if the request has one.
    func toServer(_ message: RPCMessage, name: String?) -> RPCMessage? {
        var splice = JSONSplice(message.document)
        if let name, let place = NamedPlaces.name(inRequest: message.method, message.params) {
            splice.replace(place, with: name)
        }
        for uri in NamedPlaces.uris(inRequest: message.method, message.params) {
            guard let resolved = uri.string.flatMap(ServerURI.resolve), resolved.server == server else { continue }
            splice.replace(uri, with: resolved.uri)
        }
        guard !splice.isEmpty else { return message }
        return try? RPCMessage(JSONDocument.parse(splice.applied(), limits: .upstream))
    }
}

/// A reply in the words of the endpoint for all servers.
final class RenamingReply: ReplyChannel {
    private let whole: any ReplyChannel
    private let renaming: Renaming
    private let method: String

    init(_ whole: any ReplyChannel, server: String, method: String) {
        self.whole = whole
        renaming = Renaming(server: server)
        self.method = method
    }

    var isGone: Bool { whole.isGone }
    func onGone(_ body: @escaping @Sendable () -> Void) { whole.onGone(body) }
    func notify(_ message: [UInt8]) async { await whole.notify(renaming.toClient(message, answering: method)) }
    func answer(_ message: [UInt8], status: HTTPStatus) async {
        await whole.answer(renaming.toClient(message, answering: method), status: status)
    }
    func answer(_ message: [UInt8], session: String) { whole.answer(message, session: session) }
    func silence() { whole.silence() }
    func accepted() { whole.accepted() }
    func refuse(_ refusal: Refusal) { whole.refuse(refusal) }
}
