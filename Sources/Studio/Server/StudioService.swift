import HTTP
import Runtime

/// The studio's HTTP server: files always, MCP when it was asked for. Loopback only, so the Host and Origin checks stand
/// between it and pages in a browser.
struct StudioService: HTTPService {
    private let files: FileService
    private let mcp: MCPService?

    init(files: FileService, mcp: MCPService?) {
        self.files = files
        self.mcp = mcp
    }

    func admit(_ head: RequestHead, from peer: SocketAddress) -> Admission {
        guard Self.isLoopbackName(head.authority.bytes), Self.isLoopbackOrigin(head) else {
            return .refuse(
                Response(
                    .forbidden, fields: Self.plain,
                    body: Array("only requests to this machine's loopback address from this machine are served\n".utf8))
            )
        }
        if head.target.path.hasPrefix("/files/") {
            if let refusal = files.refusal(head) { return .refuse(refusal) }
            return .accept(maxBody: 0)
        }
        if head.target.path.equals("/mcp"), let mcp { return mcp.admit(head) }
        return .refuse(
            Response(.notFound, fields: Self.plain, body: Array("there is nothing here; MCP is at /mcp\n".utf8)))
    }

    func respond(to request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async {
        if request.head.target.path.hasPrefix("/files/") {
            await files.respond(request.head, writer)
        } else if let mcp {
            await mcp.respond(request, on: loop, writer)
        } else {
            writer.send(.notFound)
        }
    }

    private static let plain = Fields(
        (.contentType, "text/plain; charset=utf-8"), (.xContentTypeOptions, "nosniff"))

    /// `127.0.0.1:7430`, `localhost`, `[::1]:80`: protects from pages that let their own name point here.
    static func isLoopbackName(_ authority: ArraySlice<UInt8>) -> Bool {
        var name = String(decoding: authority, as: UTF8.self).lowercased()
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]") else { return false }
            guard isPort(name[name.index(after: end)...]) else { return false }
            name = String(name[...end])
        } else if let colon = name.firstIndex(of: ":") {
            guard isPort(name[colon...]) else { return false }
            name = String(name[..<colon])
        }
        return name == "localhost" || name == "127.0.0.1" || name == "[::1]"
    }

    /// `:7430`, `:` or nothing.
    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty
            || text.utf8.first == UInt8(ascii: ":")
                && text.utf8.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func isLoopbackOrigin(_ head: RequestHead) -> Bool {
        guard let origin = head.fields[.origin] else { return true }
        for scheme: StaticString in ["http://", "https://"] where origin.hasPrefixIgnoringCase(scheme) {
            return isLoopbackName(origin.bytes.dropFirst(scheme.utf8CodeUnitCount))
        }
        return false
    }
}
