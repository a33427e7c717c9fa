import Base
import Glibc
import HTTP
import JSON
import Runtime
import Store

/// How commands find the gateway that serves from a data folder: a file in it, for its owner alone, names the admin plane
/// and a token for looking that is good as long as the gateway runs.
enum RunningGateway {
    private static let name = "serving.json"

    /// 256 random bits.
    static func makeToken() -> Secret {
        var generator = SystemRandomNumberGenerator()
        return Secret("sla_" + Base64.encodeURL((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }))
    }

    /// Without the file the commands only know less, so a failure is no reason not to serve.
    /// - Parameter certificate: the file with the admin plane's certificate, if it speaks HTTPS.
    static func announce(admin: SocketAddress, certificate: String?, token: Secret, in folder: String) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("pid", Int64(getpid()))
        writer.member("admin", admin.description)
        writer.member("scheme", certificate == nil ? "http" : "https")
        writer.memberIfPresent("certificate", certificate.map(absolute))
        writer.member("token", token.revealed)
        writer.endObject()
        let draft = "\(folder)/\(name).\(getpid())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return complain(folder) }
        let written = write(descriptor, writer.bytes, writer.bytes.count)
        close(descriptor)
        if written != writer.bytes.count || rename(draft, "\(folder)/\(name)") != 0 {
            complain(folder)
            unlink(draft)
        }
    }

    /// Commands may run in another folder.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return "\(String(cString: here))/\(path)"
    }

    private static func complain(_ folder: String) {
        Output.note("sluice: warning: can't write \(folder)/\(name): 'server list' will not know how servers fare")
    }

    /// The gateway has ended.
    static func withdraw(from folder: String) { unlink("\(folder)/\(name)") }

    // MARK: Asking

    /// How one server fares, as the gateway says.
    struct Health: Sendable {
        /// The JSON of the API.
        let bytes: [UInt8]
        /// `failing`, or `breaker_open, next try in 3 s`.
        let state: String
        let protocolVersion: String?
        let calls: String
        let processes: String
        /// What went wrong last; nil while it is ready or was never needed.
        let trouble: String?

        fileprivate init(_ view: JSONView, now: Instant) {
            bytes = Array(view.rawBytes)
            let word = view["state"]?.string ?? "?"
            let next = view["next_try"]?.string.flatMap { Instant(iso8601: $0) }
            let left = next.map { max(1, (($0 - now).microseconds + 999_999) / 1_000_000) }
            state = left.map { "\(word), next try in \($0) s" } ?? word
            protocolVersion = view["protocol_version"]?.string
            let waiting = view["calls_waiting"]?.int ?? 0
            calls = "\(view["calls_in_flight"]?.int ?? 0)" + (waiting > 0 ? " + \(waiting) waiting" : "")
            let pids = view["pids"].map { $0.elements.compactMap { $0.int.map { String($0) } } } ?? []
            processes = pids.isEmpty ? "–" : pids.joined(separator: ",")
            if word == "ready" || word == "not_started" {
                trouble = nil
            } else {
                let failures = view["failures_in_a_row"]?.int ?? 0
                let count = failures > 1 ? " (\(failures) failures in a row)" : ""
                trouble = view["last_error"]?.string.map { Self.printable($0) + count }
            }
        }

        /// What a server said must not move the cursor of who reads it.
        private static func printable(_ text: String) -> String {
            String(text.map { $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? "?" : $0 })
        }
    }

    /// How all servers fare, by name; a failure says why nobody knows.
    static func health(in folder: String) async -> Result<[String: Health], Failure> {
        let none = Failure(.unable, "no gateway runs on \(folder), so nobody knows how the servers fare")
        guard let bytes = try? Files.read("\(folder)/\(name)", limit: 64 << 10),
            let file = try? JSONDocument.parse(bytes).root, let token = file["token"]?.string,
            let pid = file["pid"]?.int, let process = Int32(exactly: pid), process > 0,
            let admin = file["admin"]?.string
        else { return .failure(none) }
        // One that was killed leaves the file behind.
        guard kill(process, 0) == 0 || errno == EPERM else { return .failure(none) }
        // Its certificate is made out to a name, and commands know an address only; but they know the file, too.
        let trust = file["certificate"]?.string.map { TLSTrust.exactly(certificate: $0) }
        do {
            let answer = try await ask(admin, trust, token)
            guard let servers = try? JSONDocument.parse(answer).root["servers"] else {
                return .failure(Failure(.unable, "the gateway (process \(process)) gave an answer that is none"))
            }
            let now = Clock.now
            var all: [String: Health] = [:]
            for server in servers.elements {
                if let name = server["name"]?.string, let view = server["health"] { all[name] = Health(view, now: now) }
            }
            return .success(all)
        } catch {
            return .failure(
                Failure(.unable, "the gateway (process \(process)) can't be asked how the servers fare: \(error)"))
        }
    }

    /// - Parameter trust: nil: without TLS.
    private static func ask(_ admin: String, _ trust: TLSTrust?, _ token: String) async throws -> [UInt8] {
        let group = try EventLoopGroup(count: 1)
        defer {
            group.stop()
            group.join()
        }
        let loop = group.next()
        // One that listens everywhere is here, too.
        let place =
            admin.hasPrefix("0.0.0.0:")
            ? "127.0.0.1" + admin.dropFirst(7) : admin.hasPrefix("[::]:") ? "[::1]" + admin.dropFirst(4) : admin
        var request = ClientRequest(
            .get,
            try HTTPURL(
                "\(trust == nil ? "http" : "https")://\(place)/api/v1/servers", allowPrivate: true, trust: trust),
            fields: Fields((.authorization, "Bearer \(token)")))
        request.headTimeout = .seconds(5)
        return try await Task(executorPreference: loop) { [request] in
            let client = HTTPClient(on: loop)
            defer { client.close() }
            let answer = try await client.send(request)
            guard answer.head.status == .ok else {
                throw Failure(.unable, "it answered with the status \(answer.head.status.code)")
            }
            return answer.body
        }.value
    }
}
