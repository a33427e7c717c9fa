import Base
import HTTP
import Runtime

/// Sends results by HTTP PUT, to hosts that the operator named and to no other.
struct HTTPUploader: ResultUploader {
    private let web: Web
    /// `host` or `host:port`, lower case.
    private let hosts: [String]
    /// For one result, waiting included.
    private let limit: TimeSpan
    /// A request's body lies in memory while it is sent: of what is large, one at a time.
    private let gate = TaskGate(limit: 1)
    private static let largeBytes = 8 << 20

    /// - Parameter limit: for one result, waiting for others included.
    init(_ web: Web, hosts: [String], limit: TimeSpan) {
        self.web = web
        self.hosts = hosts.map { $0.lowercased() }
        self.limit = limit
    }

    var isEnabled: Bool { !hosts.isEmpty }

    func check(_ endpoint: String) throws(StudioError) {
        _ = try url(endpoint)
    }

    func put(_ file: ResultFile, to endpoint: String, _ call: CallContext) async throws(StudioError) {
        let url = try url(endpoint)
        let deadline = web.moment(after: limit)
        guard file.bytes > Self.largeBytes else { return try await send(file, url, until: deadline, call) }
        let patience = TaskGate.Patience(
            loop: web.loop, deadline: deadline,
            error: StudioError(.uploadFailed, "other large uploads took all of this one's time; nothing was sent"))
        try await gate.run(call, patience) { () async throws(StudioError) in
            try await send(file, url, until: deadline, call)
        }
    }

    private func send(
        _ file: ResultFile, _ url: HTTPURL, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) {
        let body = try await call.work(mayRefuse: false, file.content)
        let request = ClientRequest(.put, url, fields: Fields((.contentType, file.mimeType)), body: body)
        let status: HTTPStatus
        do throws(Web.Failure) {
            status = try await web.send(request, until: deadline, call).head.status
        } catch {
            let problem = Web.error(error, "the upload endpoint's answer")
            throw problem.code == .cancelled ? problem : StudioError(.uploadFailed, problem.message)
        }
        guard (200..<300).contains(status.code) else {
            throw StudioError(.uploadFailed, "the upload endpoint answered \(status.code)")
        }
    }

    private func url(_ endpoint: String) throws(StudioError) -> HTTPURL {
        guard isEnabled else {
            throw StudioError(
                .uploadNotAllowed,
                "this server sends results nowhere; leave uploadEndpoint out, or start the server with --upload-host HOST"
            )
        }
        let url: HTTPURL
        do throws(HTTPError) {
            // The operator named the host, so it may be a private address.
            url = try HTTPURL(endpoint, allowPrivate: true)
        } catch {
            throw StudioError(.invalidParameter, "\(quoted(endpoint)) can't be used: \(error.detail)")
        }
        let host = url.origin.host.lowercased()
        guard hosts.contains(host) || hosts.contains("\(host):\(url.origin.port)") else {
            throw StudioError(
                .uploadNotAllowed,
                "results may not be sent to \(quoted(host)); allowed: \(hosts.joined(separator: ", "))")
        }
        return url
    }
}
