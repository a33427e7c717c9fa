import Base
import Imaging
import Studio
import Support
import Testing

@Suite struct ImageReferenceTests {
    private let folder: TemporaryFolder
    private let roots: AllowedRoots
    private let png: [UInt8]
    private let jpeg: [UInt8]

    init() throws {
        folder = try TemporaryFolder()
        png = try picture()
        jpeg = try picture(.jpeg)
        try place("\(folder.path)/face.png", png)
        roots = try AllowedRoots([folder.path])
    }

    private func classify(_ text: String, maxBytes: Int = 1 << 20) -> Result<ImageReference, StudioError> {
        do throws(StudioError) {
            return .success(try ImageReference(text, roots: roots, maxBytes: maxBytes))
        } catch {
            return .failure(error)
        }
    }

    @Test func eachFormIsRecognised() throws {
        let base64 = Base64.encode(png)
        #expect(try classify("data:image/png;base64,\(base64)").get() == .bytes(png))
        #expect(try classify("DATA:IMAGE/PNG;charset=x;BASE64,\(base64)").get() == .bytes(png))
        let id = UUIDText.random()
        #expect(try classify(id.text.uppercased()).get() == .handle(id))
        #expect(try classify("https://example.org/a.png").get() == .url("https://example.org/a.png"))
        #expect(try classify("HTTP://example.org/a.png").get() == .url("HTTP://example.org/a.png"))
        let path = try roots.find("face.png")
        #expect(try classify("face.png").get() == .path(path))
        #expect(try classify(path.path).get() == .path(path))
        #expect(try classify("file://\(path.path)").get() == .path(path))
        #expect(try classify(base64).get() == .bytes(png))
        // Begins with a slash and could be a path.
        let text = Base64.encode(jpeg)
        #expect(text.hasPrefix("/9j/"))
        #expect(try classify(text).get() == .bytes(jpeg))
    }

    @Test func anExistingPathWinsOverBase64() throws {
        let text = Base64.encode(png)
        let name = String(text.prefix(64)).replacing("/", with: "_")
        try place("\(folder.path)/\(name)", png)
        #expect(try classify(name).get() == .path(roots.find(name)))
    }

    @Test(arguments: [
        ("data:image/png;base64", StudioError.Code.invalidImage),
        ("data:image/png,abc", .invalidImage),
        ("data:text/html;base64,AAAA", .invalidImage),
        ("data:image/png;base64,AA*A", .invalidImage),
        ("data:image/png;base64,AAA", .invalidImage),
        ("nothing.png", .fileNotFound),
        ("/etc/passwd", .pathNotAllowed),
        ("~/face.png", .fileNotFound),
        ("a face please", .invalidParameter),
        ("ftp:nothing", .invalidParameter),
        ("QUJDREVGR0hJSktMTU5PUFFSU1RVVldY", .invalidParameter),
    ])
    func othersAreRefused(_ text: String, _ code: StudioError.Code) {
        guard case .failure(let error) = classify(text) else {
            Issue.record("\(text) was accepted")
            return
        }
        #expect(error.code == code, "\(text): \(error.message)")
    }

    @Test func sizeIsCheckedBeforeDecoding() {
        for text in ["data:image/png;base64,\(Base64.encode(png))", Base64.encode(png)] {
            guard case .failure(let error) = classify(text, maxBytes: 30) else {
                Issue.record("was accepted")
                return
            }
            #expect(error.code == .imageTooLarge)
        }
    }
}
