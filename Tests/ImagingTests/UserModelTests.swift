import Glibc
import Support
import Testing

@testable import Imaging

/// Models that users bring, as tiny ones that a script writes.
@Suite(.serialized) struct UserModelTests {
    static let models = UserModels(vendor: JudgedTests.vendor)

    /// A folder with the tiny models.
    static func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try Judge.say(["python3", "\(Places.packageRoot)/Tests/ImagingTests/judge/models.py", folder.path])
        return folder
    }

    @Test func enlargingByPartsIsEnlargingAtOnce() throws {
        let folder = try Self.folder()
        let picture = try JudgedTests.picture("chelsea.png").cut(PixelBox(xMin: 90, yMin: 40, xMax: 290, yMax: 200))
        // The one sees all at once (parts of 256 pixels), the other only 48 pixels at a time.
        let whole = try Self.models.enlarge(picture, by: 2, with: "\(folder.path)/enlarge-any.onnx")
        let parts = Counter()
        let tiled = try Self.models.enlarge(picture, by: 2, with: "\(folder.path)/enlarge-48.onnx") { done, all in
            parts.count += 1
            #expect(done == parts.count && all == 9 * 7)
        }
        #expect(parts.count == 9 * 7)
        #expect(whole.width == 400 && whole.height == 320 && tiled.width == 400 && tiled.height == 320)
        #expect(zip(whole.bytes, tiled.bytes).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
        // It is the picture that was enlarged.
        #expect(Fixture.meanDifference(try whole.resized(width: 200, height: 160), picture) < 3)
    }

    /// A counter for a closure that runs where it is called.
    final class Counter: @unchecked Sendable {
        // SAFETY: only the test's own thread uses it, inside the call.
        var count = 0
    }

    @Test func otherFactorsAndTransparencyAreResized() throws {
        let folder = try Self.folder()
        let picture = try Fixture.picture(40, 30, .rgba8)
        let large = try Self.models.enlarge(picture, by: 3, with: "\(folder.path)/enlarge-any.onnx")
        #expect(large.width == 120 && large.height == 90 && large.layout == .rgba8)
        #expect(large.alpha == (try picture.alpha.resized(width: 120, height: 90)))
        #expect(
            try Self.models.enlarge(Fixture.picture(9, 7, .gray8), by: 2, with: "\(folder.path)/enlarge-any.onnx")
                .layout == .gray8)
    }

    @Test func enlargingCanBeStopped() throws {
        let folder = try Self.folder()
        let picture = try Fixture.picture(120, 90, .rgb8)
        let error = #expect(throws: ImagingError.self) {
            try Self.models.enlarge(picture, by: 2, with: "\(folder.path)/enlarge-48.onnx") {
                (done, _) throws(ImagingError) in
                if done == 3 { throw ImagingError(.cancelled, "stopped") }
            }
        }
        #expect(error?.code == .cancelled)
    }

    @Test func fillingIsSeenThroughTheMaskOnly() throws {
        let folder = try Self.folder()
        let picture = try JudgedTests.picture("coffee.png")
        var mask = Mask(width: picture.width, height: picture.height)
        mask.fill(PixelBox(xMin: 200, yMin: 100, xMax: 260, yMax: 160))
        let filled = try Self.models.fill(picture, mask, with: "\(folder.path)/lama.onnx")
        var inside: Set<[UInt8]> = []
        for y in 0..<picture.height {
            for x in 0..<picture.width {
                let at = (y * picture.width + x) * 3
                if mask.bytes[y * picture.width + x] == 0 {
                    if filled.bytes[at] != picture.bytes[at] { Issue.record("changed outside the mask at \(x), \(y)") }
                } else if (210..<250).contains(x), (110..<150).contains(y) {
                    inside.insert(Array(filled.bytes[at..<at + 3]))
                }
            }
        }
        // The tiny model fills with one colour.
        #expect(inside.count <= 3 && inside.allSatisfy { $0 != [0, 0, 0] })
    }

    @Test(arguments: ["u2net", "birefnet"])
    func whatIsRedIsInFront(name: String) throws {
        let folder = try Self.folder()
        let matte = try Self.models.matte(try Self.redDisc(), with: "\(folder.path)/\(name).onnx")
        try Self.expectDisc(matte)
    }

    @Test func theLayoutOfISNetCanBeNamed() throws {
        let folder = try Self.folder()
        try Self.expectDisc(
            Self.models.matte(Self.redDisc(), with: "\(folder.path)/isnet.onnx", isLessHalf: true))
    }

    private static func redDisc() throws -> PixelImage {
        try PixelImage(
            width: 200, height: 150, layout: .rgb8,
            bytes: (0..<200 * 150).flatMap { i -> [UInt8] in
                let (x, y) = (Double(i % 200) - 100, Double(i / 200) - 75)
                return x * x + y * y < 2_500 ? [200, 30, 40] : [60, 120, 140]
            })
    }

    private static func expectDisc(_ matte: Mask) throws {
        #expect(matte.width == 200 && matte.height == 150)
        var wrong = 0
        for i in 0..<200 * 150 {
            let (x, y) = (Double(i % 200) - 100, Double(i / 200) - 75)
            let inside = x * x + y * y < 2_500
            if (matte.bytes[i] >= 128) != inside { wrong += 1 }
        }
        #expect(wrong < 250, "the guided filter finds the disc's edge: \(wrong) pixels on the wrong side")
    }

    // MARK: YOLO

    @Test func boxesOfAUsersDetector() throws {
        let folder = try Self.folder()
        let masker = Masker(vendor: JudgedTests.vendor, own: [.faceNano: "\(folder.path)/yolo.onnx"])
        #expect(masker.missing(.faceNano) == [] && masker.method(.faceNano) == "yolo.onnx")
        // 128×64: half the square's scale, bars of 16 above and below.
        let wide = try Fixture.picture(128, 64, .rgb8)
        let found = try masker.mask(wide, MaskRequest(model: .faceNano, padding: 0, blur: 0))
        // In the square: centre 20, 24, size 16×20, and 46, 40, 12×16; the third overlaps the first by more than 0.7.
        #expect(
            found.detections.map(\.box) == [
                PixelBox(xMin: 24, yMin: 0, xMax: 56, yMax: 36), PixelBox(xMin: 80, yMin: 32, xMax: 104, yMax: 64),
            ])
        #expect(found.detections.map { ($0.score * 100).rounded() } == [90, 60])
        #expect(found.mask.extent == PixelBox(xMin: 24, yMin: 0, xMax: 104, yMax: 64))
        for (confidence, count) in [(0.005, 3), (0.25, 2), (0.7, 1), (0.95, 0)] {
            let some = try masker.mask(wide, MaskRequest(model: .faceNano, confidence: confidence, padding: 0, blur: 0))
            #expect(some.detections.count == count, "\(confidence)")
        }
        #expect(try masker.mask(wide, MaskRequest(model: .faceNano, maxDetections: 1)).detections.count == 1)
    }

    @Test func silhouettesOfAUsersSegmenter() throws {
        let folder = try Self.folder()
        let masker = Masker(vendor: JudgedTests.vendor, own: [.peopleNano: "\(folder.path)/yolo-seg.onnx"])
        let found = try masker.mask(
            try Fixture.picture(128, 128, .rgb8), MaskRequest(model: .peopleNano, padding: 0, blur: 0))
        #expect(found.detections.count == 2)
        // The first is what of its box lies in the left half; it does wholly. The second what does not lie in the upper
        // half: its box is 80...104 × 64...96, all of it below.
        #expect(found.detections[0].box == PixelBox(xMin: 24, yMin: 28, xMax: 56, yMax: 68))
        #expect(found.detections[1].box.yMin >= 63 && found.detections[1].box.yMax == 96)
        // Moved up, the plane cuts the second's upper part off.
        let tall = try masker.mask(
            try Fixture.picture(64, 128, .rgb8), MaskRequest(model: .peopleNano, padding: 0, blur: 0))
        #expect(tall.detections.count == 2)
    }

    @Test func withoutAFileTheMessageSaysWhatElseThereIs() throws {
        let error = #expect(throws: ImagingError.self) {
            try JudgedTests.masker.mask(Fixture.picture(8, 8, .rgb8), MaskRequest(model: .faceSmall))
        }
        #expect(error?.code == .modelMissing)
        #expect(error?.message.contains("runware:35@6") == true)
    }

    @Test func otherModelsAreRefusedByName() throws {
        let folder = try Self.folder()
        let picture = try Fixture.picture(60, 40, .rgb8)
        var mask = Mask(width: 60, height: 40)
        mask.fill(PixelBox(xMin: 5, yMin: 5, xMax: 20, yMax: 20))
        func code(_ work: () throws -> Void) -> ImagingError? { #expect(throws: ImagingError.self, performing: work) }
        let absent = code { _ = try Self.models.matte(picture, with: "\(folder.path)/none.onnx") }
        #expect(absent?.code == .modelMissing && absent?.message.contains("none.onnx") == true)
        try writeFile("\(folder.path)/broken.onnx", Array("no model".utf8))
        for error in [
            code { _ = try Self.models.matte(picture, with: "\(folder.path)/broken.onnx") },
            code { _ = try Self.models.matte(picture, with: "\(folder.path)/lama.onnx") },
            code { _ = try Self.models.fill(picture, mask, with: "\(folder.path)/u2net.onnx") },
            code { _ = try Self.models.enlarge(picture, by: 2, with: "\(folder.path)/u2net.onnx") },
            code {
                _ = try Masker(vendor: JudgedTests.vendor, own: [.hands: "\(folder.path)/u2net.onnx"])
                    .mask(picture, MaskRequest(model: .hands))
            },
        ] {
            #expect(error?.code == .modelBroken, "\(error?.message ?? "")")
            #expect(error?.message.contains(".onnx") == true)
        }
    }
}
