import Base
import Imaging
import JSON
import Studio
import Support
import Synchronization
import Testing

@Suite struct ToolTests {
    @Test func uploadGivesAHandleForEveryForm() async throws {
        let bench = try TestBench()
        let bytes = try readFile("\(bench.folder.path)/pictures/face.png")
        var ids: Set<String> = []
        let forms = [
            "face.png", "\(bench.folder.path)/pictures/face.png", "data:image/png;base64,\(Base64.encode(bytes))",
            Base64.encode(bytes),
        ]
        for form in forms {
            let content = try success(try await bench.call("imageUpload", ["file_path": .string(form)]))
            let item = try #require(content["result"]?["data"]?[0])
            #expect(item["taskType"]?.string == "imageUpload")
            #expect(item["width"]?.int == 40 && item["height"]?.int == 30 && item["format"]?.string == "PNG")
            ids.insert(item["imageUUID"]?.string ?? "")
        }
        #expect(ids.count == 1 && UUIDText(ids.first ?? "")?.isVersion4 == true)
        // A handle can be uploaded again and stays what it is.
        let again = try success(try await bench.call("imageUpload", ["file_path": .string(ids.first ?? "")]))
        #expect(again["result"]?["data"]?[0]?["imageUUID"]?.string == ids.first)
    }

    @Test func uploadShowsAPreviewAndALink() async throws {
        let bench = try TestBench()
        try place("\(bench.folder.path)/pictures/wide.jpg", picture(width: 600, height: 300, .jpeg))
        let result = try await bench.call("imageUpload", ["file_path": "wide.jpg"])
        let content = try #require(result["content"])
        #expect(content.elements.map { $0["type"]?.string } == ["text", "image", "resource_link"])
        let preview = try PixelImage.decode(#require(Base64.decode(content[1]?["data"]?.string ?? "")))
        #expect((preview.width, preview.height) == (256, 128))
        #expect(content[2]?["uri"]?.string?.hasPrefix("studio://pictures/") == true)
        // Clients of 2025-03-26 know neither links nor structured content.
        let old = try await bench.call("imageUpload", ["file_path": "wide.jpg"], version: "2025-03-26")
        #expect(old["content"]?.elements.map { $0["type"]?.string } == ["text", "image"])
        #expect(old["structuredContent"] == nil)
    }

    @Test func whatIsNoPictureIsRefused() async throws {
        let bench = try TestBench()
        let png = try picture()
        let files: [(String, [UInt8], String)] = [
            ("text.png", Array("no picture at all, but a text".utf8), "invalidImage"),
            ("cut.png", Array(png.prefix(png.count / 2)), "invalidImage"),
            ("head.jpg", [0xFF, 0xD8, 0xFF, 0xE0], "invalidImage"),
            ("animation.gif", Array("GIF89a\u{1}\u{0}\u{1}\u{0}".utf8), "unsupportedImage"),
        ]
        for (name, bytes, code) in files {
            try place("\(bench.folder.path)/pictures/\(name)", bytes)
            let error = try failure(try await bench.call("imageUpload", ["file_path": .string(name)]))
            #expect(["invalidImage", "unsupportedImage"].contains(error["code"]?.string), "\(name), expected \(code)")
            #expect(error["parameter"]?.string == "file_path")
            #expect(error["retryable"]?.bool == false)
        }
    }

    @Test func bombsAreRefusedByTheirHeader() async throws {
        let bench = try TestBench(limits: ImageLimits(maxBytes: 1 << 20, maxPixels: 1000, maxSide: 100))
        let error = try failure(try await bench.call("imageUpload", ["file_path": "face.png"]))
        #expect(error["code"]?.string == "imageTooLarge")
    }

    @Test func maskingFollowsTheOriginalsEnvelope() async throws {
        let bench = try TestBench()
        let task = "7c1f0a2e-5b7d-4c3a-9e21-0d5b6f8a9c10"
        let result = try await bench.call(
            "imageMasking",
            [
                "inputImage": "face.png", "model": "runware:35@6", "outputFormat": "PNG", "includeCost": true,
                "taskUUID": .string(task), "maskPadding": -3, "maskBlur": 0, "maxDetections": 20, "confidence": 1,
            ])
        let content = try success(result)
        #expect(content["engine"]?.string == "local" && content["model"]?.string == "runware:35@6")
        #expect(content["warning"] == nil)
        let item = try #require(content["result"]?["data"]?[0])
        #expect(item["taskType"]?.string == "imageMasking" && item["taskUUID"]?.string == task)
        #expect(item["cost"]?.int == 0)
        let box = try #require(item["detections"]?[0])
        #expect(["x_min", "y_min", "x_max", "y_max"].map { box[$0]?.int } == [10, 7, 30, 21])
        #expect(
            bench.engine.requests.withLock { $0 } == [
                MaskRequest(model: .faceFull, confidence: 1, maxDetections: 20, padding: -3, blur: 0)
            ])
        // The file, the handle and the link are the same picture.
        let path = try #require(item["maskImagePath"]?.string)
        let file = try readFile(path)
        #expect(try ImageProbe(file).format == .png)
        let handle = try #require(item["maskImageUUID"]?.string.flatMap { UUIDText($0) })
        let stored = try #require(bench.workshop.store.image(handle))
        #expect(try bench.workshop.store.read(stored) == file)
        let url = try #require(item["maskImageURL"]?.string)
        #expect(url.hasPrefix("http://127.0.0.1:"))
        #expect(result["content"]?[2]?["uri"]?.string == "studio://pictures/\(handle.text)")
        // A link that this studio gave out, and a mask's handle, are inputs like any other.
        for input in [url, handle.text, "studio://pictures/\(handle.text)"] {
            let again = try success(
                try await bench.call("imageMasking", ["inputImage": .string(input), "model": "runware:35@8"]))
            #expect(again["result"]?["data"]?[0]?["inputImageUUID"]?.string == handle.text)
        }
    }

    @Test(arguments: [("URL", "maskImageURL"), ("dataURI", "maskImageDataURI"), ("base64Data", "maskImageBase64Data")])
    func eachOutputTypeHasItsMember(_ type: String, _ member: String) async throws {
        let bench = try TestBench()
        for (format, mime) in [("JPG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")] {
            let content = try success(
                try await bench.call(
                    "imageMasking",
                    [
                        "inputImage": "face.png", "model": "runware:35@7", "outputType": .string(type),
                        "outputFormat": .string(format),
                    ]))
            let item = try #require(content["result"]?["data"]?[0])
            let text = try #require(item[member]?.string)
            #expect(["maskImageURL", "maskImageDataURI", "maskImageBase64Data"].filter { item[$0] != nil } == [member])
            #expect(item["cost"] == nil)
            if type == "URL" { continue }
            let prefix = type == "dataURI" ? "data:\(mime);base64," : ""
            #expect(text.hasPrefix(prefix))
            let probe = try ImageProbe(#require(Base64.decode(text.dropFirst(prefix.count))))
            #expect(probe.format.mimeType == mime && probe.width == 40 && probe.height == 30)
        }
    }

    @Test func nothingFoundIsASuccessWithAWarning() async throws {
        let bench = try TestBench()
        let content = try success(
            try await bench.call(
                "imageMasking", ["inputImage": "tiny.png", "model": "runware:35@6", "outputFormat": "PNG"]))
        #expect(content["result"]?["data"]?[0]?["detections"]?.count == 0)
        #expect(content["warning"]?.string?.contains("nothing was found") == true)
        #expect(content["coverage"]?.double == 0)
        let mask = try PixelImage.decode(
            readFile(content["result"]?["data"]?[0]?["maskImagePath"]?.string ?? ""), as: .gray8)
        #expect(mask.bytes.allSatisfy { $0 == 0 })
    }

    @Test func modelsWithoutWeightsAreNamed() async throws {
        let bench = try TestBench()
        for number in 1...2 {
            let error = try failure(
                try await bench.call(
                    "imageMasking", ["inputImage": "face.png", "model": .string("runware:35@\(number)")]))
            let code = error["code"]?.string ?? ""
            #expect(
                ["modelUnavailable", "engineNotConfigured"].contains(code) && error["parameter"]?.string == "model")
            #expect(error["message"]?.string?.contains("runware:35@6") == true)
        }
        // The original's default is one of them.
        let error = try failure(try await bench.call("imageMasking", ["inputImage": "face.png"]))
        #expect(error["code"]?.string == "modelUnavailable")
        #expect(bench.engine.requests.withLock { $0.isEmpty })
    }

    @Test func substitutionIsSaid() async throws {
        let bench = try TestBench(substitutes: true)
        for model in ["runware:35@1", "runware:35@2"] {
            let content = try success(
                try await bench.call("imageMasking", ["inputImage": "face.png", "model": .string(model)]))
            #expect(content["model"]?.string == "runware:35@6")
            #expect(content["warning"]?.string?.contains(model) == true)
        }
        let hands = try success(
            try await bench.call("imageMasking", ["inputImage": "face.png", "model": "runware:35@3"]))
        #expect(hands["model"]?.string == "runware:35@3" && hands["warning"] == nil)
        #expect(hands["message"]?.string?.contains("mediapipe_hands") == true)
    }

    @Test(arguments: [
        ("https://example.org/a.png", "urlNotAllowed"), ("http://127.0.0.1:1/files/guess", "urlNotAllowed"),
        ("7c1f0a2e-5b7d-4c3a-9e21-0d5b6f8a9c10", "imageNotFound"), ("/etc/passwd", "pathNotAllowed"),
        ("../data/outputs", "pathNotAllowed"), ("nothing.png", "fileNotFound"),
    ])
    func inputsThatAreNoneAreRefused(_ input: String, _ code: String) async throws {
        let bench = try TestBench()
        let error = try failure(
            try await bench.call("imageMasking", ["inputImage": .string(input), "model": "runware:35@6"]))
        #expect(error["code"]?.string == code)
        #expect(error["parameter"]?.string == "inputImage")
    }

    @Test func resultsGoNowhereUnlessAllowed() async throws {
        let arguments: JSONValue = [
            "inputImage": "face.png", "model": "runware:35@6", "uploadEndpoint": "http://example.org/put",
            "outputFormat": "WEBP",
        ]
        let closed = try TestBench()
        let error = try failure(try await closed.call("imageMasking", arguments))
        #expect(error["code"]?.string == "uploadNotAllowed" && error["parameter"]?.string == "uploadEndpoint")
        #expect(closed.engine.requests.withLock { $0.isEmpty }, "refused before any work")
        let open = try TestBench(uploads: true)
        _ = try success(try await open.call("imageMasking", arguments))
        #expect(open.uploader.sent.withLock { $0 } == ["http://example.org/put image/webp true"])
    }

    @Test func aModelThatIsNotInstalledIsSaid() async throws {
        let engine = FakePainter(failure: StudioError(.modelNotInstalled, "face.tflite is missing; run scripts/setup"))
        let error = try failure(
            try await TestBench(engine: engine).call(
                "imageMasking", ["inputImage": "face.png", "model": "runware:35@6"]))
        #expect(error["code"]?.string == "modelNotInstalled")
        #expect(error["message"]?.string?.contains("scripts/setup") == true)
        #expect(error["retryable"]?.bool == false)
    }

    @Test func aFullQueueIsBusy() async throws {
        let bench = try TestBench()
        let session = bench.session(FullWorkers())
        _ = session.receive(initialize()) { _ in }
        let message: JSONValue = [
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": ["name": "imageUpload", "arguments": ["file_path": "face.png"]],
        ]
        guard case .call(let call) = session.receive(message.bytes, progress: { _ in }) else {
            throw TestProblem("no call")
        }
        let answer = try JSONDocument.parse(#require(await session.perform(call))).root
        let error = try failure(#require(answer["result"]))
        #expect(error["code"]?.string == "busy" && error["retryable"]?.bool == true)
        // What is paid for is not thrown away.
        #expect(try await CallContext(workers: FullWorkers()).work(mayRefuse: false) { 7 } == 7)
    }
}
