import HTTP
import Runtime

/// `GET /files/<token>`: the files behind links, and nothing else. There is no listing; an unknown token and an expired
/// one look alike. Files of any size are served, in parts: memory holds one part for each request.
struct FileService: Sendable {
    private let links: FileLinks
    private let workers: WorkerPool
    /// Bytes that are read and sent at a time; what fits into one part is sent with its length.
    private static let partBytes = 1 << 20

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

    /// A file that was found, and the first part of what is wanted of it.
    private struct Beginning: Sendable {
        let file: OpenFile
        let wanted: Range<Int>
        let part: [UInt8]
    }

    func respond(_ head: RequestHead, _ writer: consuming ResponseWriter) async {
        let token = head.target.path.dropFirst("/files/".utf8.count).string
        guard let target = links.target(token, now: EventLoop.monotonicNow) else {
            writer.send(Self.notFound)
            return
        }
        // A part of a file that has changed meanwhile is of no use, and there is nothing to tell it by.
        let asked = head.fields[FieldName("If-Range")] == nil ? head.fields[FieldName("Range")]?.string : nil
        let beginning: Beginning?
        do throws(StudioError) {
            beginning = try await workers.run { () throws(StudioError) -> Beginning? in
                try Self.open(target.path, asked.flatMap(ByteRange.init))
            }
        } catch {
            writer.send(error.code == .busy ? Self.busy : Self.notFound)
            return
        }
        var fields = Fields(
            (.cacheControl, "private, max-age=300"), (.xContentTypeOptions, "nosniff"),
            (.contentSecurityPolicy, "default-src 'none'; sandbox"), (.contentDisposition, "inline"))
        fields.append(FieldName("Accept-Ranges"), "bytes")
        guard let beginning else {
            writer.send(HTTPStatus(416), fields)
            return
        }
        fields.append(.contentType, target.mimeType)
        let (file, wanted) = (beginning.file, beginning.wanted)
        let isWhole = wanted == 0..<file.size
        if !isWhole {
            fields.append(
                FieldName("Content-Range"), "bytes \(wanted.lowerBound)-\(wanted.upperBound - 1)/\(file.size)")
        }
        let status = isWhole ? HTTPStatus.ok : HTTPStatus(206)
        guard beginning.part.count < wanted.count else {
            writer.send(status, fields, beginning.part)
            return
        }
        let stream = writer.stream(status, fields)
        await send(beginning, head.method == .head, to: stream)
        stream.end()
    }

    /// The rest goes as fast as the client takes it. A file that ends too early ends the answer too: a client sees it by
    /// the length that `Content-Range` says, or by the file's own form.
    private func send(_ beginning: Beginning, _ isHead: Bool, to stream: ResponseStream) async {
        var at = beginning.wanted.lowerBound
        var part = beginning.part
        while !isHead, !part.isEmpty, await stream.write(part) {
            at += part.count
            let next = at..<min(at + Self.partBytes, beginning.wanted.upperBound)
            guard !next.isEmpty else { return }
            let file = beginning.file
            do throws(StudioError) {
                part = try await workers.run(mayRefuse: false) { () throws(StudioError) in try file.read(next) }
            } catch { return }
        }
    }

    /// Nil: what is asked for lies behind the file's end.
    private static func open(_ path: String, _ range: ByteRange?) throws(StudioError) -> Beginning? {
        let file = try OpenFile(path)
        let wanted: Range<Int>
        if let range {
            guard let inside = range.within(file.size) else { return nil }
            wanted = inside
        } else {
            wanted = 0..<file.size
        }
        let first = wanted.lowerBound..<min(wanted.lowerBound + partBytes, wanted.upperBound)
        return Beginning(file: file, wanted: wanted, part: try file.read(first))
    }

    private static let plain = Fields(
        (.contentType, "text/plain; charset=utf-8"), (.xContentTypeOptions, "nosniff"), (.cacheControl, "no-store"))
    private static let notFound = Response(
        .notFound, fields: plain, body: Array("there is no such file, or its link has expired\n".utf8))
    private static let busy = Response(
        HTTPStatus(503), fields: plain, body: Array("too much is going on; try again\n".utf8))
}

/// One range of bytes as a request names it. SPEC: RFC 9110, 14.1.2. Several ranges, other units and what is malformed are
/// none: the whole file is sent then.
struct ByteRange: Equatable {
    /// Nil: the last so many bytes.
    private let first: Int?
    /// The last byte, or with no first one how many; nil: to the end.
    private let last: Int?

    init?(_ text: String) {
        let bytes = Array(text.utf8)
        let unit = Array("bytes=".utf8)
        guard bytes.starts(with: unit) else { return nil }
        let ends = bytes[unit.count...].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        func number(_ digits: ArraySlice<UInt8>) -> Int?? {
            if digits.isEmpty { return .some(nil) }
            guard digits.count <= 18, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
                return nil
            }
            return .some(Int(String(decoding: digits, as: UTF8.self)))
        }
        guard let first = number(ends[0]), let last = number(ends[1]), first != nil || last != nil else { return nil }
        if let first, let last, last < first { return nil }
        self.first = first
        self.last = last
    }

    /// The bytes of a file of `size` that it means; nil when it has none of them.
    func within(_ size: Int) -> Range<Int>? {
        guard let first else {
            let count = min(last ?? 0, size)
            return count > 0 ? size - count..<size : nil
        }
        return first < size ? first..<min(size, (last ?? size - 1) + 1) : nil
    }
}
