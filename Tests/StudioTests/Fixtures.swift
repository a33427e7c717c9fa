import Base
import Glibc
import Imaging
import JSON
import MCP
import Studio
import Support
import Synchronization

/// Writes a file and the folders above it.
func place(_ path: String, _ bytes: [UInt8]) throws {
    var above = ""
    for part in path.split(separator: "/").dropLast() {
        above += "/\(part)"
        mkdir(above, 0o700)
    }
    try writeFile(path, bytes)
}

/// A picture with some structure, as a file.
func picture(width: Int = 40, height: Int = 30, _ format: ImageFormat = .png, seed: UInt8 = 0) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(width * height * 3)
    for y in 0..<height {
        for x in 0..<width {
            bytes += [UInt8(truncatingIfNeeded: x &* 5), UInt8(truncatingIfNeeded: y &* 7), seed]
        }
    }
    return try PixelImage(width: width, height: height, layout: .rgb8, bytes: bytes).encode(format)
}

/// Finds one thing in the middle of every picture wider than 10 pixels.
final class FakePainter: Sendable {
    let requests = Mutex<[MaskRequest]>([])
    private let failure: StudioError?

    init(failure: StudioError? = nil) {
        self.failure = failure
    }

    func paint(_ picture: PixelImage, _ request: MaskRequest) throws(StudioError) -> MaskResult {
        requests.withLock { $0.append(request) }
        if let failure { throw failure }
        var mask = Mask.black(width: picture.width, height: picture.height)
        guard picture.width > 10 else { return MaskResult(mask: mask, detections: []) }
        let box = PixelBox(
            xMin: picture.width / 4, yMin: picture.height / 4, xMax: picture.width / 4 * 3, yMax: picture.height / 4 * 3
        )
        mask.fill(box)
        return MaskResult(mask: mask, detections: [Detection(box: box, score: 0.9)])
    }

    /// Masking as this machine does it, but for the models.
    var engine: LocalEngine {
        LocalEngine([
            LocalMasking(
                missing: { _ in [] },
                paint: { picture, request throws(StudioError) in try self.paint(picture, request) })
        ])
    }
}

/// Runs the work at once, on the caller's thread.
struct InlineWorkers: Workers {
    func run<Value: Sendable>(
        mayRefuse: Bool, _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        try body()
    }
}

/// Has no thread to spare, ever, but for what must not be refused.
struct FullWorkers: Workers {
    func run<Value: Sendable>(
        mayRefuse: Bool, _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        guard mayRefuse else { return try body() }
        throw StudioError(.busy, "too many image calls are waiting; try again in a moment")
    }
}

/// Makes links that lead nowhere but can be looked up.
struct FakePublisher: FilePublisher {
    let links: FileLinks
    var now: TimeSpan { .zero }

    func url(for target: FileLinks.Target) async throws(StudioError) -> String {
        "http://127.0.0.1:9/files/\(links.add(target, now: now))"
    }
}

/// Remembers what was sent.
final class FakeUploader: ResultUploader {
    let isEnabled: Bool
    let sent = Mutex<[String]>([])

    init(isEnabled: Bool = false) {
        self.isEnabled = isEnabled
    }

    func check(_ endpoint: String) throws(StudioError) {
        if !isEnabled { throw StudioError(.uploadNotAllowed, "this server sends results nowhere") }
    }

    func put(_ file: ResultFile, to endpoint: String, _ call: CallContext) async throws(StudioError) {
        let content = try file.content()
        sent.withLock { $0.append("\(endpoint) \(file.mimeType) \(content.count == file.bytes)") }
    }
}

/// A workshop in a folder of its own.
struct TestBench {
    let folder: TemporaryFolder
    let workshop: Workshop
    let engine: FakePainter
    let uploader: FakeUploader

    init(
        engine: FakePainter = FakePainter(), substitutes: Bool = false, uploads: Bool = false,
        storeLimits: ObjectStore.Limits = ObjectStore.Limits(), limits: ImageLimits = .standard,
        fetcher: (any PictureFetcher)? = nil
    ) throws {
        folder = try TemporaryFolder()
        try place("\(folder.path)/pictures/face.png", picture())
        try place("\(folder.path)/pictures/tiny.png", picture(width: 8, height: 8))
        let links = FileLinks(lifetime: .hours(1))
        self.engine = engine
        uploader = FakeUploader(isEnabled: uploads)
        workshop = Workshop(
            roots: try AllowedRoots(["\(folder.path)/pictures"]),
            store: ObjectStore(folder: "\(folder.path)/data", limits: storeLimits),
            outputs: OutputFolder(folder: "\(folder.path)/data/outputs", totalBytes: 1 << 20), links: links,
            engines: EngineRouter(
                [engine.engine, UnconfiguredEngine.runware, UnconfiguredEngine.bfl], substitutes: substitutes),
            publisher: FakePublisher(links: links), uploader: uploader, fetcher: fetcher, limits: limits)
    }

    func session(_ workers: any Workers = InlineWorkers()) -> Session {
        Session(tools: workshop.tools(), workers: workers)
    }

    /// Carries out one call and returns its result.
    func call(_ tool: String, _ arguments: JSONValue, version: String = "2025-11-25") async throws -> JSONView {
        let session = session()
        _ = session.receive(initialize(version)) { _ in }
        let message: JSONValue = [
            "jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": ["name": .string(tool), "arguments": arguments],
        ]
        guard case .call(let call) = session.receive(message.bytes, progress: { _ in }),
            let answer = await session.perform(call)
        else { throw TestProblem("no answer") }
        let root = try JSONDocument.parse(answer).root
        guard let result = root["result"] else {
            throw TestProblem("no result in \(String(decoding: answer, as: UTF8.self))")
        }
        return result
    }
}

struct TestProblem: Error {
    let text: String

    init(_ text: String) {
        self.text = text
    }
}

func initialize(_ version: String = "2025-11-25") -> [UInt8] {
    let message: JSONValue = [
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": [
            "protocolVersion": .string(version), "capabilities": [:], "clientInfo": ["name": "test", "version": "1"],
        ],
    ]
    return message.bytes
}

func json(_ text: String) throws -> JSONView {
    try JSONDocument.parse(Array(text.utf8)).root
}

/// The error of a failed result, after checking that the result says the same in all three places.
func failure(_ result: JSONView) throws -> JSONView {
    guard result["isError"]?.bool == true, let structured = result["structuredContent"],
        ["Tool error", "API error"].contains(structured["status"]?.string), let error = structured["error"],
        structured["message"] == error["message"]
    else { throw TestProblem("no failure: \(String(decoding: result.rawBytes, as: UTF8.self))") }
    let text = try json(result["content"]?[0]?["text"]?.string ?? "")
    guard text == structured else { throw TestProblem("text and structured content differ") }
    return error
}

/// The structured content of a result that worked.
func success(_ result: JSONView) throws -> JSONView {
    guard result["isError"]?.bool == false, let structured = result["structuredContent"],
        structured["status"]?.string == "success"
    else { throw TestProblem("no success: \(String(decoding: result.rawBytes, as: UTF8.self))") }
    let text = try json(result["content"]?[0]?["text"]?.string ?? "")
    guard text == structured else { throw TestProblem("text and structured content differ") }
    return structured
}
