import HTTP
import Runtime

/// `GET /files/<token>`: the files behind links, and nothing else. There is no listing; an unknown token and an expired
/// one look alike.
struct FileService: Sendable {
    private let links: FileLinks
    private let workers: WorkerPool
    /// Larger files are not served: results never are.
    private static let maxBytes = 256 << 20

    init(links: FileLinks, workers: WorkerPool) {
        self.links = links
        self.workers = workers
    }

    /// Nil when the request may go on.
    func refusal(_ head: RequestHead) -> Response? {
        switch head.method {
        case .get, .head: return nil
        default:
            return Response(
                HTTPStatus(405), fields: Fields((.allow, "GET, HEAD"), (.contentType, "text/plain; charset=utf-8")),
                body: Array("files can only be fetched with GET\n".utf8))
        }
    }

    func respond(_ head: RequestHead, _ writer: consuming ResponseWriter) async {
        let token = head.target.path.dropFirst("/files/".utf8.count).string
        guard let target = links.target(token, now: EventLoop.monotonicNow) else {
            writer.send(Self.notFound)
            return
        }
        let bytes: [UInt8]
        do throws(StudioError) {
            bytes = try await workers.run { () throws(StudioError) -> [UInt8] in
                do throws(Files.Failure) {
                    return try Files.read(target.path, limit: Self.maxBytes)
                } catch {
                    throw StudioError(.fileNotFound, error.text)
                }
            }
        } catch {
            writer.send(error.code == .busy ? Self.busy : Self.notFound)
            return
        }
        var fields = Fields(
            (.cacheControl, "private, max-age=300"), (.xContentTypeOptions, "nosniff"),
            (.contentSecurityPolicy, "default-src 'none'; sandbox"), (.contentDisposition, "inline"))
        fields.append(.contentType, target.mimeType)
        writer.send(.ok, fields, bytes)
    }

    private static let plain = Fields(
        (.contentType, "text/plain; charset=utf-8"), (.xContentTypeOptions, "nosniff"), (.cacheControl, "no-store"))
    private static let notFound = Response(
        .notFound, fields: plain, body: Array("there is no such file, or its link has expired\n".utf8))
    private static let busy = Response(
        HTTPStatus(503), fields: plain, body: Array("too much is going on; try again\n".utf8))
}
