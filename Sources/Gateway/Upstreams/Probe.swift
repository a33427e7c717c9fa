import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// What a server says of itself: for `sluice server tools`.
package struct ServerReport: Sendable {
    package let version: String
    package let serverInfo: JSONValue
    package let instructions: String?
    /// The definitions of all pages, in the server's order.
    package let tools: [JSONValue]

    /// Everything that a person approves when the server is pinned, as it is now.
    package func pins(_ hasher: any KeyedHasher) -> [Pin] {
        let text = instructions.map(JSONValue.string) ?? .null
        var pins = [
            Pin(tool: nil, hash: PinDesk.hash(instructions: instructions, hasher), definition: text.bytes)
        ]
        var names: Set<String> = []
        for tool in tools {
            guard case .string(let name)? = tool["name"], names.insert(name).inserted,
                let view = try? JSONDocument.parse(tool.bytes, limits: .upstream).root
            else { continue }
            pins.append(Pin(tool: name, hash: PinDesk.hash(tool: view, hasher), definition: tool.bytes))
        }
        return pins
    }
}

/// Connects to a server, lists its tools and leaves. Never calls a tool.
/// - Throws: `UpstreamError`; its detail has the last lines of a child's standard error.
package func probe(_ definition: Server, on group: EventLoopGroup, timeout: TimeSpan, launcher: ChildLauncher? = nil)
    async throws(UpstreamError) -> ServerReport
{
    let loop = group.next()
    var options = HTTPClientOptions()
    options.headTimeout = timeout
    let clients = HTTPClients(group, options: options)
    let server = UpstreamServer(
        definition, limits: StdioLimits(start: timeout, call: timeout, launcher: launcher), clients: clients, on: loop,
        log: Log { _, _, _ in }, notified: { _, _ in })
    // Links are used on a loop; the caller is a program's main function.
    let work = Task(executorPreference: loop) { () -> Result<ServerReport, UpstreamError> in
        let result: Result<ServerReport, UpstreamError>
        do throws(UpstreamError) {
            result = .success(try await report(of: server, on: loop))
        } catch {
            result = .failure(error)
        }
        await server.shutDown()
        await clients.close()
        return result
    }
    return try await work.value.get()
}

private func report(of server: UpstreamServer, on loop: EventLoop) async throws(UpstreamError) -> ServerReport {
    let link = try await server.link(for: .gateway, relays: Relays(), on: loop)
    var tools: [JSONValue] = []
    try await ToolCatalogue.eachPage(of: link, on: loop) { page in tools += page.entries.map(\.view.value) }
    let hello = link.hello
    link.close(on: loop)
    return ServerReport(
        version: hello.version.rawValue, serverInfo: hello.serverInfo, instructions: hello.instructions, tools: tools)
}
