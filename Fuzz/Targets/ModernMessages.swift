import Base
import JSON
import MCP

/// A line of text, then `{"message": …, "schema": …}`. The text arrives through headers, event ids and addresses as it
/// was; the headers that we write to a message agree with it when we read them.
func fuzzModern(_ bytes: [UInt8]) {
    let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    _ = HeaderValue.decode(bytes[..<end])
    if let text = String(validating: bytes[..<end], as: UTF8.self) { checkText(text) }
    guard let root = try? JSONDocument.parse(Array(bytes[min(end + 1, bytes.count)...])).root else { return }
    var parameters: [HeaderParameter] = []
    do throws(HeaderSchemaFault) {
        if let schema = root["schema"] { parameters = try HeaderParameter.all(in: schema) }
    } catch {
        expect(!error.message.isEmpty, "a fault without words")
        expect(root["schema"]?[error.place] != nil, "\(error.place) leads nowhere")
    }
    guard let view = root["message"], let document = try? JSONDocument.parse(Array(view.rawBytes)),
        let message = try? RPCMessage(document)
    else { return }
    check(message, parameters)
}

private func checkText(_ text: String) {
    let value = HeaderValue.encode(text)
    expect(value.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a header with \(value)")
    expect(same(HeaderValue.decode(Array(value.utf8)[...]), text), "a header's text changes: \(value)")
    if let id = EventID(text) { expect(same(id.description, text), "\(text) is read as \(id)") }
    for server in ["files", "a_b-c", "x9"] {
        let uri = ServerURI.exposed(text, of: server)
        guard let found = ServerURI.resolve(uri) else { fail("\(text) becomes \(uri), which leads nowhere") }
        expect(found.server == server && same(found.uri, text), "\(text) becomes \(uri), then \(found)")
    }
    if let found = ServerURI.resolve(text) { _ = ServerURI.exposed(found.uri, of: found.server) }
}

/// Byte by byte; `==` takes different spellings of a letter for the same.
private func same(_ a: String?, _ b: String) -> Bool { a.map { $0.utf8.elementsEqual(b.utf8) } ?? false }

private func check(_ message: RPCMessage, _ parameters: [HeaderParameter]) {
    if let envelope = try? RequestEnvelope(message) { _ = envelope.extensions }
    _ = try? ModernRequest.check(message, headers: nil)
    guard case .request = message.kind, message.method.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return }
    var headers = RoutingHeaders()
    headers.take(name: "MCP-Protocol-Version", value: "v")
    let written = RoutingHeaders.outgoing(method: message.method, params: message.params, parameters: parameters)
    for (name, value) in written {
        expect(value.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "the header \(name) is \(value)")
        headers.take(name: name, value: value)
    }
    do throws(ProtocolFault) {
        try headers.check(message, version: "v", parameters: parameters)
    } catch {
        fail("our own headers are refused: \(error) \(written)")
    }
}
