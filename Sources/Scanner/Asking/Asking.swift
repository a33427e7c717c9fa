import Base
import Catalogue
import Gateway
import JSON
import MCP
import Runtime
import Store

/// A server that is to be asked what it offers.
package struct Asked: Sendable {
    package let name: String
    /// How it is reached, for people.
    package let source: String
    package let transport: Server.Transport
    /// Loopback and private addresses are fine: the user has named the address.
    package var allowPrivate = true
    package var tls = ServerTLS()
    /// Where it stands in its file.
    package var line: Int?
    /// Where its code is kept, as a registry says; empty: not known.
    package var repository = ""
    /// Whether it goes by this name whatever it calls itself.
    package var keepsName = false

    package init(name: String, source: String, transport: Server.Transport) {
        self.name = name
        self.source = source
        self.transport = transport
    }

    /// Values that no message may have.
    fileprivate var secrets: [String] {
        switch transport {
        case .http(_, let headers): headers.map(\.value.revealed)
        case .stdio(_, _, let variables, _): variables.map(\.value.revealed)
        }
    }
}

/// Asks servers for everything that they list. Nothing is called.
package struct Asking: Sendable {
    package typealias Answer = Result<ServerMaterial, SkippedServer>

    /// How many are asked at once.
    private static let width = 4

    private let group: EventLoopGroup
    private let limits: SurveyLimits
    private let launcher: ChildLauncher?
    private let created: Instant
    private let progress: @Sendable (String) -> Void

    /// - Parameters:
    ///   - launcher: what children run first.
    ///   - now: the time of the scan.
    ///   - progress: takes lines for people, from any thread.
    package init(
        on group: EventLoopGroup, limits: SurveyLimits, launcher: ChildLauncher?, now: Instant,
        progress: @escaping @Sendable (String) -> Void
    ) {
        self.group = group
        self.limits = limits
        self.launcher = launcher
        created = now
        self.progress = progress
    }

    /// What they said, in the same order.
    package func ask(_ servers: [Asked]) async -> [Answer] {
        var answers = [Answer?](repeating: nil, count: servers.count)
        await withTaskGroup(of: (Int, Answer).self) { tasks in
            var waiting = Array(servers.enumerated())[...]
            for _ in 0..<Self.width {
                if let (index, server) = waiting.popFirst() { tasks.addTask { (index, await ask(server)) } }
            }
            while let (index, answer) = await tasks.next() {
                answers[index] = answer
                if let (index, server) = waiting.popFirst() { tasks.addTask { (index, await ask(server)) } }
            }
        }
        return answers.compactMap { $0 }
    }

    private func ask(_ server: Asked) async -> Answer {
        let name = Visible.name(server.name)
        progress("\(name): asking \(Visible.text(server.source))")
        let definition = Server(
            name: server.name, transport: server.transport, allowPrivate: server.allowPrivate, tls: server.tls,
            created: created)
        do throws(UpstreamError) {
            let survey = try await survey(definition, on: group, limits: limits, launcher: launcher) {
                [progress] step in
                switch step {
                case .introduced(let version): progress("\(name): speaks \(version)")
                case .page(let kind, let number, let entries):
                    // A list of many pages needs a sign of life now and then.
                    guard number == 1 || number % 10 == 0 else { return }
                    progress("\(name): \(kind.method), \(number == 1 ? "" : "page \(number), ")\(entries) so far")
                }
            }
            return .success(material(survey, of: server))
        } catch {
            let why = Redaction.without(server.secrets, in: error.detail)
            return .failure(
                SkippedServer(
                    name: server.name, source: server.source, why: Visible.lines(why), isFailure: true,
                    line: server.line))
        }
    }

    private func material(_ survey: ServerSurvey, of server: Asked) -> ServerMaterial {
        let own = survey.serverInfo["name"]?.string ?? ""
        let isUsable = !own.isEmpty && own != "unknown" && own.utf8.count <= 128
        var material = ServerMaterial(name: isUsable && !server.keepsName ? own : server.name)
        material.source = server.source
        material.version = survey.version
        material.release = survey.serverInfo["version"]?.string ?? ""
        material.repository = server.repository
        material.instructions = survey.instructions
        material.line = server.line
        for kind in ListKind.allCases {
            guard let list = survey.lists[kind] else { continue }
            // A tool without a name can't be called, and neither judged.
            material.lists[kind] = list.entries.filter { $0[kind.key]?.string?.isEmpty == false }
            let nameless = list.malformedCount + list.entries.count - material.entries(kind).count
            if nameless > 0 { material.incomplete.append("\(kind.method): \(nameless) entries have no name") }
            if let cut = list.cut { material.incomplete.append("\(kind.method): \(cut)") }
        }
        return material
    }
}

extension SkippedServer: Error {}
