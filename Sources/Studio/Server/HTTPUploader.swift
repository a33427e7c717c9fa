import HTTP
import Runtime

/// Sends results by HTTP PUT, to hosts that the operator named and to no other.
struct HTTPUploader: ResultUploader {
    private let client: HTTPClient
    /// `host` or `host:port`, lower case.
    private let hosts: [String]

    /// - Parameter client: of the loop on which tools run.
    init(client: HTTPClient, hosts: [String]) {
        self.client = client
        self.hosts = hosts.map { $0.lowercased() }
    }

    var isEnabled: Bool { !hosts.isEmpty }

    func check(_ endpoint: String) throws(StudioError) {
        _ = try url(endpoint)
    }

    func put(_ bytes: [UInt8], mimeType: String, to endpoint: String) async throws(StudioError) {
        let request = ClientRequest(.put, try url(endpoint), fields: Fields((.contentType, mimeType)), body: bytes)
        let status: HTTPStatus
        do throws(HTTPClientError) {
            status = try await client.send(request).head.status
        } catch {
            throw StudioError(.uploadFailed, "the upload endpoint can't be reached: \(error.detail)")
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
