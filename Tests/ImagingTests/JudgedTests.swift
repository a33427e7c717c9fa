import Glibc
import Support
import Testing

@testable import Imaging

/// The models at work, judged by Google's own MediaPipe.
@Suite(.serialized) struct JudgedTests {
    static let vendor = "\(Places.packageRoot)/vendor"
    static let masker = Masker(vendor: vendor)

    static func picture(_ name: String) throws -> PixelImage { try .decode(Fixture.shared(name), as: .rgb8) }

    static func judge(_ arguments: [String]) throws -> [[Substring]] {
        try Judge.run("judge.py", arguments)
    }

    static func overlap(_ box: PixelBox, _ other: [Double]) -> Double {
        let (left, top) = (max(Double(box.xMin), other[0]), max(Double(box.yMin), other[1]))
        let (right, bottom) = (min(Double(box.xMax), other[2]), min(Double(box.yMax), other[3]))
        let both = max(0, right - left) * max(0, bottom - top)
        let union = Double(box.width * box.height) + (other[2] - other[0]) * (other[3] - other[1]) - both
        return both / union
    }

    /// Compares all that is found in a picture with what the judge found there; gives how many faces it has.
    private static func compare(_ picture: PixelImage, _ name: String, _ findings: [[Substring]]) throws -> Int {
        let mine = findings.filter { $0[0] == name }
        let overlap = try #require(mine.first { $0[1] == "iou" }.flatMap { Double($0[2]) })
        #expect(overlap >= 0.93, "\(name): the mesh mask and the hull of MediaPipe's landmarks")
        for (model, kind) in [(MaskModel.faceFull, "full"), (.faceShort, "short")] {
            let found = try masker.mask(picture, MaskRequest(model: model, padding: 0, blur: 0)).detections
            let expected = mine.filter { $0[1] == kind }.map { $0.dropFirst(2).compactMap { Double($0) } }
            #expect(found.count == expected.count, "\(name), \(kind)")
            for theirs in expected {
                let bounds = [Double(picture.width), Double(picture.height)]
                let box = (0..<4).map { min(max(theirs[1 + $0], 0), bounds[$0 % 2]) }
                let best = found.max { Self.overlap($0.box, box) < Self.overlap($1.box, box) }
                let agreement = best.map { Self.overlap($0.box, box) } ?? 0
                #expect(agreement >= 0.85, "\(name), \(kind): \(found) against \(theirs)")
                #expect(abs((best?.score ?? 0) - theirs[0]) < 0.02, "\(name), \(kind): score")
            }
        }
        return Int(mine.first { $0[1] == "faces" }?[2] ?? "") ?? 0
    }

    @Test func astronautIsSeenAsMediaPipeSeesHer() throws {
        let picture = try Self.picture("astronaut.png")
        let folder = try TemporaryFolder()
        let mesh = try Self.masker.mask(picture, MaskRequest(model: .faceMesh, padding: 0, blur: 0))
        try writeFile("\(folder.path)/mask.png", mesh.mask.image.encode(.png))
        let path = "\(Places.shared)/data/images/astronaut.png"
        let findings = try Self.judge(["\(path)=\(folder.path)/mask.png"])
        #expect(try Self.compare(picture, "astronaut.png", findings) == 1)
        #expect(mesh.detections.count == 1)
        for model in [MaskModel.faceFull, .faceShort] {
            let result = try Self.masker.mask(picture, MaskRequest(model: model, padding: 0, blur: 0))
            #expect(result.detections.count == 1 && result.mask.extent == result.detections.first?.box)
        }
    }

    /// The same face at other sizes, mirrored, turned, at the edge and twice.
    @Test func otherViewsAreSeenAsMediaPipeSeesThem() throws {
        let one = try Self.picture("astronaut.png")
        var views: [PixelImage] = []
        for size in [450, 300, 180, 110] {
            views.append(try Canvas(640, 480).placing(one.resized(width: size, height: size), x: 60, y: 20).picture)
        }
        for orientation in [Orientation.mirrored, .upsideDown, .turnLeft] { views.append(one.turned(orientation)) }
        views.append(try Canvas(512, 512).placing(one, x: -200, y: -60).picture)
        let half = try one.resized(width: 420, height: 420)
        // Slanted, up to 30°.
        views += try PartsTests.faces().filter { $0.name.hasPrefix("turned") }.map(\.picture)
        views.append(try Canvas(800, 512).placing(one, x: -60, y: 0).placing(half, x: 400, y: 60).picture)

        let folder = try TemporaryFolder()
        var arguments: [String] = []
        for (number, view) in views.enumerated() {
            let mesh = try Self.masker.mask(view, MaskRequest(model: .faceMesh, padding: 0, blur: 0))
            try writeFile("\(folder.path)/\(number)", view.encode(.png))
            try writeFile("\(folder.path)/\(number).mask", mesh.mask.image.encode(.png))
            arguments.append("\(folder.path)/\(number)=\(folder.path)/\(number).mask")
        }
        let findings = try Self.judge(arguments)
        let faces = try views.enumerated().map { try Self.compare($1, "\($0)", findings) }
        #expect(faces.reduce(0, +) >= 13, "most of the views show a face: \(faces)")
        #expect(faces.last == 2)
    }

    @Test(arguments: ["chelsea.png", "coffee.png"])
    func whereNoFaceIsNothingIsFound(name: String) throws {
        let picture = try Self.picture(name)
        for model in MaskModel.allCases where model.builtIn != nil {
            let result = try Self.masker.mask(picture, MaskRequest(model: model))
            #expect(result.detections.isEmpty && result.mask.isBlack, "\(model)")
            #expect(result.mask.width == picture.width && result.mask.height == picture.height)
        }
        let findings = try Self.judge(["\(Places.shared)/data/images/\(name)"])
        #expect(findings.map { $0.dropFirst().joined(separator: " ") } == ["faces 0"])
    }

    @Test func defaultsGiveAWhiteCoreAndAFade() throws {
        let result = try Self.masker.mask(Self.picture("astronaut.png"), MaskRequest(model: .faceMesh))
        let box = try #require(result.detections.first?.box)
        let (x, y) = ((box.xMin + box.xMax) / 2, (box.yMin + box.yMax) / 2)
        #expect(result.mask.bytes[y * result.mask.width + x] == 255)
        #expect(result.mask.extent == box.grown(by: 8))
    }

    /// The parts lie inside the face, and where they belong.
    @Test func partsOfTheFace() throws {
        let picture = try Self.picture("astronaut.png")
        func part(_ model: MaskModel) throws -> MaskResult {
            try Self.masker.mask(picture, MaskRequest(model: model, padding: 0, blur: 0))
        }
        let face = try part(.faceMesh).mask
        let (eyes, nose, lips) = (try part(.eyes), try part(.nose), try part(.lips))
        for result in [eyes, nose, lips] {
            #expect(result.detections.count == 1)
            #expect(zip(result.mask.bytes, face.bytes).allSatisfy { $0 <= $1 })
        }
        let boxes = try [eyes, nose, lips].map { try #require($0.mask.extent) }
        #expect(boxes[0].yMax < boxes[1].yMax && boxes[1].yMax <= boxes[2].yMin + 3)
        for (union, parts) in [
            (MaskModel.eyesLips, [eyes, lips]), (.noseEyes, [nose, eyes]), (.noseLips, [nose, lips]),
            (.eyesOnly, [eyes]),
        ] {
            var expected = Mask.black(width: picture.width, height: picture.height)
            for part in parts { try expected.merge(part.mask) }
            #expect(try part(union).mask == expected)
        }
        // Two eyes, and between them the bridge of the nose stays free.
        let row = (eyes.mask.extent.map { $0.yMin + $0.height / 2 } ?? 0) * picture.width
        let changes = (1..<picture.width).count { eyes.mask.bytes[row + $0] != eyes.mask.bytes[row + $0 - 1] }
        #expect(changes == 4)
    }

    /// A turned picture with the orientation that sets it right is masked as the upright one.
    @Test func orientationComesBeforeDetection() throws {
        let upright = try Self.picture("astronaut.png")
        let stored = upright.turned(.turnLeft)
        let file = Forge.with(Forge.exif(6, bigEndian: true), in: try stored.encode(.png), .png)
        let request = MaskRequest(model: .faceMesh)
        #expect(try Self.masker.mask(.decode(file, as: .rgb8), request) == Self.masker.mask(upright, request))
    }

    @Test func layoutsAgreeAndGreyWorks() throws {
        let picture = try Self.picture("astronaut.png")
        for model in [MaskModel.faceFull, .faceShort, .faceMesh] {
            let request = MaskRequest(model: model)
            let colour = try Self.masker.mask(picture, request)
            #expect(try Self.masker.mask(picture.converted(to: .rgba8), request) == colour)
            #expect(try Self.masker.mask(picture.converted(to: .gray8), request).detections.count == 1)
        }
    }

    @Test func maxDetectionsKeepsTheBest() throws {
        let one = try Self.picture("astronaut.png")
        let half = try one.resized(width: 420, height: 420)
        let two = try Canvas(800, 512).placing(one, x: -60, y: 0).placing(half, x: 400, y: 60).picture
        for model in [MaskModel.faceFull, .faceMesh] {
            let found = try Self.masker.mask(two, MaskRequest(model: model, padding: 0, blur: 0))
            #expect(found.detections.count == 2)
            #expect(found.detections.map(\.score) == found.detections.map(\.score).sorted(by: >))
            let best = try Self.masker.mask(two, MaskRequest(model: model, maxDetections: 1, padding: 0, blur: 0))
            #expect(best.detections == Array(found.detections.prefix(1)))
            #expect(zip(best.mask.bytes, found.mask.bytes).allSatisfy { $0 <= $1 })
        }
    }

    @Test func confidenceCutsOff() throws {
        let picture = try Self.picture("astronaut.png")
        let none = try Self.masker.mask(picture, MaskRequest(model: .faceShort, confidence: 0.99))
        #expect(none.detections.isEmpty && none.mask.isBlack)
    }

    @Test func tinyAndThinPicturesAreNoTrouble() throws {
        for (width, height) in [(1, 1), (2, 900), (900, 3)] {
            let picture = try Fixture.picture(width, height, .rgb8)
            for model in [MaskModel.faceFull, .faceShort, .faceMesh] {
                for confidence in [0.0, 0.25] {
                    let result = try Self.masker.mask(picture, MaskRequest(model: model, confidence: confidence))
                    #expect(result.mask.width == width && result.mask.height == height)
                    for found in result.detections { #expect(!found.box.isEmpty) }
                }
            }
        }
    }

    @Test func manyThreadsShareAMasker() async throws {
        let picture = try Self.picture("astronaut.png")
        let request = MaskRequest(model: .faceMesh)
        let expected = try Self.masker.mask(picture, request)
        try await withThrowingTaskGroup(of: MaskResult.self) { group in
            for _ in 0..<8 { group.addTask { try Self.masker.mask(picture, request) } }
            for try await result in group { #expect(result == expected) }
        }
    }

    @Test func valuesOutsideTheirRangesAreRefused() throws {
        let picture = try Fixture.picture(8, 8, .rgb8)
        let requests = [
            MaskRequest(model: .faceFull, confidence: -0.1), MaskRequest(model: .faceFull, confidence: .nan),
            MaskRequest(model: .faceFull, maxDetections: 0), MaskRequest(model: .faceFull, maxDetections: 21),
            MaskRequest(model: .faceFull, padding: 201), MaskRequest(model: .faceFull, blur: -1),
        ]
        for request in requests {
            let error = #expect(throws: ImagingError.self) { try Self.masker.mask(picture, request) }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func whatIsMissingIsNamedWithTheMend() throws {
        let folder = try TemporaryFolder()
        let picture = try Fixture.picture(8, 8, .rgb8)
        let request = MaskRequest(model: .faceShort)
        func failure() -> ImagingError? {
            #expect(throws: ImagingError.self) { try Masker(vendor: folder.path).mask(picture, request) }
        }
        for model in MaskModel.allCases where model.builtIn != nil { #expect(Self.masker.missing(model) == []) }
        #expect(Self.masker.missing(.faceNano) == nil)
        #expect(Masker(vendor: folder.path).missing(.faceMesh)?.count == 3)
        #expect(Masker(vendor: folder.path).missing(.faceFull)?.count == 2)
        #expect(Masker(vendor: folder.path).missing(.hands)?.count == 3)
        #expect(Masker(vendor: folder.path).missing(.peopleSmall)?.count == 3)
        var error = failure()
        #expect(error?.code == .libraryMissing)
        #expect(error?.message.contains("library openvino/libopenvino_c.so") == true)
        #expect(error?.message.contains("scripts/setup") == true)

        mkdir("\(folder.path)/openvino", 0o755)
        try writeFile("\(folder.path)/openvino/libopenvino_c.so", Array("no library".utf8))
        error = failure()
        #expect(error?.code == .libraryBroken)
        #expect(error?.message.contains("fetch-models") == true)

        unlink("\(folder.path)/openvino/libopenvino_c.so")
        symlink("\(Self.vendor)/openvino/libopenvino_c.so", "\(folder.path)/openvino/libopenvino_c.so")
        error = failure()
        #expect(error?.code == .modelMissing)
        #expect(error?.message.contains("face_detection_short_range.tflite") == true)

        mkdir("\(folder.path)/mediapipe", 0o755)
        let model = "\(folder.path)/mediapipe/face_detection_short_range.tflite"
        try writeFile(model, Array("no model".utf8))
        #expect(failure()?.code == .modelBroken)
        try writeFile(model, readFile("\(Self.vendor)/mediapipe/face_landmark.tflite"))
        error = failure()
        #expect(error?.code == .modelBroken)
        #expect(error?.message.contains("numbers") == true)
    }
}
