import Base
import HTTP
import Runtime

/// Reads pictures behind URLs that agents give, without becoming their way into this network.
///
/// A name is resolved once, every address judged, and the connection made to an address that was judged: a name that changes
/// its mind in between changes nothing. Redirects are judged like the first URL. Public addresses and https only, unless the
/// operator named the host.
struct HTTPPictureFetcher: PictureFetcher {
    private let web: Web
    /// `host` or `host:port`, lower case: these may be private, and plain http.
    private let hosts: [String]
    private let limit: TimeSpan

    /// - Parameter limit: for one picture, redirects included.
    init(_ web: Web, hosts: [String], limit: TimeSpan = .seconds(30)) {
        self.web = web
        self.hosts = hosts.map { $0.lowercased() }
        self.limit = limit
    }

    /// Redirects that are followed.
    private static let maxRedirects = 3

    func fetch(_ text: String, maxBytes: Int, _ call: CallContext) async throws(StudioError) -> [UInt8] {
        let deadline = web.moment(after: limit)
        var target = try url(text)
        for _ in 0...Self.maxRedirects {
            var request = ClientRequest(
                .get, target, fields: Fields((.accept, "image/png, image/jpeg, image/webp, */*;q=0.1")))
            request.maxBody = maxBytes
            request.headTimeout = .seconds(10)
            request.idleTimeout = .seconds(10)
            let answer: ClientResponse
            do throws(Web.Failure) {
                answer = try await web.send(request, until: deadline, call)
            } catch {
                throw meaning(error, target, maxBytes)
            }
            switch answer.head.status.code {
            case 200:
                try checkType(answer.head, target)
                return answer.body
            case 301, 302, 303, 307, 308:
                guard let place = answer.head.fields[.location]?.string else {
                    throw StudioError(.fetchFailed, "\(shown(target)) redirects nowhere")
                }
                target = try url(Self.absolute(place, target))
            case let status:
                throw StudioError(.fetchFailed, "\(shown(target)) answered \(status)")
            }
        }
        throw StudioError(.fetchFailed, "\(quoted(text, limit: 120)) redirects more than \(Self.maxRedirects) times")
    }

    private func url(_ text: String) throws(StudioError) -> HTTPURL {
        do throws(HTTPError) {
            let url = try HTTPURL(text)
            let host = url.origin.host
            if hosts.contains(host) || hosts.contains("\(host):\(url.origin.port)") {
                return try HTTPURL(text, allowPrivate: true)
            }
            guard url.origin.trust != nil else {
                throw HTTPError(
                    .unsupportedScheme, "only https URLs are read, unless the server was started with --fetch-host")
            }
            return url
        } catch {
            throw StudioError(.urlNotAllowed, "\(quoted(text, limit: 120)) is not read: \(error.detail)")
        }
    }

    /// Where a redirect leads that may be a whole URL, or one as seen from the redirecting one's place.
    ///
    /// SPEC: RFC 9110 10.2.2, RFC 3986 5.2.
    static func absolute(_ place: String, _ from: HTTPURL) -> String {
        if place.hasPrefix("//") { return "https:\(place)" }
        let stop = place.utf8.first { [UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "?")].contains($0) }
        if stop == UInt8(ascii: ":") { return place }
        let host = from.origin.host.utf8.contains(UInt8(ascii: ":")) ? "[\(from.origin.host)]" : from.origin.host
        return "\(from.origin.trust == nil ? "http" : "https")://\(host):\(from.origin.port)\(seen(place, from.target))"
    }

    /// The path and query that `place` means on a page at `target`.
    private static func seen(_ place: String, _ target: String) -> String {
        let path = target.prefix { $0 != "?" }
        switch place.first {
        case "/": return place
        case "?": return path + place
        case nil, "#": return target
        default: break
        }
        // Everything behind the last slash makes room for the new name; `..` takes a folder away.
        var folders = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().dropLast()
        let end = place.firstIndex { $0 == "?" || $0 == "#" } ?? place.endIndex
        let parts = place[..<end].split(separator: "/", omittingEmptySubsequences: false)
        for part in parts {
            if part == ".." { folders = folders.dropLast() } else if part != "." { folders.append(part) }
        }
        if let last = parts.last, last == ".." || last == "." { folders.append("") }
        return "/" + folders.joined(separator: "/") + place[end...]
    }

    private func checkType(_ head: ResponseHead, _ url: HTTPURL) throws(StudioError) {
        guard let type = head.fields[.contentType] else { return }
        for fit: StaticString in ["image/", "application/octet-stream", "binary/octet-stream"]
        where type.hasPrefixIgnoringCase(fit) {
            return
        }
        throw StudioError(.fetchFailed, "\(shown(url)) is of type \(quoted(type.string, limit: 60)), no picture")
    }

    private func meaning(_ failure: Web.Failure, _ url: HTTPURL, _ maxBytes: Int) -> StudioError {
        switch failure {
        case .cancelled: return StudioError(.cancelled, "the call was cancelled")
        case .late, .overdue:
            return StudioError(.fetchFailed, "\(shown(url)) took longer than \(limit.microseconds / 1_000_000) s")
        case .failed(let error):
            switch error.code {
            case .refusedAddress:
                return StudioError(
                    .urlNotAllowed,
                    "\(shown(url)) is at an address of this machine or of a private network; start the server with --fetch-host to allow it"
                )
            case .bodyTooLarge:
                return StudioError(.imageTooLarge, "\(shown(url)) has more than \(maxBytes) bytes")
            default: return StudioError(.fetchFailed, "\(shown(url)) can't be read: \(error.detail)")
            }
        }
    }

    /// Host only: paths and queries of signed URLs are secrets.
    private func shown(_ url: HTTPURL) -> String { "the picture at \(quoted(url.origin.host))" }
}
