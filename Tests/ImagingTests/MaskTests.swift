import Support
import Testing

@testable import Imaging

@Suite struct MaskTests {
    static let (width, height) = (90, 70)

    static func build(_ shapes: [MaskShape], padding: Int = 0, blur: Int = 0) throws -> MaskResult {
        try MaskBuilder(width: width, height: height, padding: padding, blur: blur)
            .build(shapes.enumerated().map { ScoredShape(shape: $1, score: 1 - Double($0) / 100) })
    }

    static let box = MaskShape.box(PixelBox(xMin: 30, yMin: 25, xMax: 50, yMax: 41))
    static let kite = MaskShape.hulls([[SIMD2(60, 10), SIMD2(80, 25), SIMD2(62, 50), SIMD2(55, 24), SIMD2(63, 25)]])
    static let edge = MaskShape.box(PixelBox(xMin: -5, yMin: 50, xMax: 12, yMax: 90))
    static let all = [box, kite, edge]

    @Test func growsWithPadding() throws {
        for shapes in [Self.all, [Self.box], [Self.kite], [Self.edge]] {
            var before = try Self.build(shapes, padding: -30).mask
            for padding in -29...30 {
                let mask = try Self.build(shapes, padding: padding).mask
                #expect(zip(before.bytes, mask.bytes).allSatisfy { $0 <= $1 }, "padding \(padding)")
                before = mask
            }
        }
    }

    @Test func growsWithBlur() throws {
        var before = try Self.build(Self.all).mask
        for blur in 1...20 {
            let mask = try Self.build(Self.all, blur: blur).mask
            #expect(zip(before.bytes, mask.bytes).allSatisfy { $0 <= $1 }, "blur \(blur)")
            before = mask
        }
    }

    @Test func paddingOfABoxIsThatManyPixels() throws {
        for padding in -7...20 {
            let result = try Self.build([Self.box], padding: padding)
            let expected = PixelBox(xMin: 30, yMin: 25, xMax: 50, yMax: 41).grown(by: padding)
            #expect(result.mask.extent == expected)
            #expect(result.mask.bytes.count { $0 == 255 } == expected.width * expected.height)
            // The detection says where the face is, not where the mask ends.
            #expect(result.detections.map(\.box) == [PixelBox(xMin: 30, yMin: 25, xMax: 50, yMax: 41)])
        }
    }

    @Test func paddingThereAndBack() throws {
        let plain = try Self.build([Self.box]).mask
        for padding in [1, 3, 7] {
            var there = plain
            try there.grow(by: padding)
            try there.grow(by: -padding)
            #expect(there == plain)
            try there.grow(by: -padding)
            try there.grow(by: padding)
            #expect(there == plain)
        }
    }

    @Test func theEdgeOfThePictureDoesNotEat() throws {
        let result = try Self.build([Self.edge], padding: -4)
        #expect(result.mask.extent == PixelBox(xMin: 0, yMin: 54, xMax: 8, yMax: 70))
        #expect(result.detections[0].box == PixelBox(xMin: 0, yMin: 50, xMax: 12, yMax: 70))
    }

    @Test func blackOrWhiteWithoutBlur() throws {
        for padding in [-3, 0, 6] {
            #expect(try Self.build(Self.all, padding: padding).mask.bytes.allSatisfy { $0 == 0 || $0 == 255 })
        }
    }

    @Test func blurKeepsTheCoreAndEndsWhereItSays() throws {
        let core = try Self.build(Self.all, padding: 2).mask
        for blur in [1, 2, 4, 9, 20] {
            let mask = try Self.build(Self.all, padding: 2, blur: blur).mask
            var reach = core
            try reach.grow(by: blur)
            for i in mask.bytes.indices {
                if core.bytes[i] == 255 { #expect(mask.bytes[i] == 255) }
                if reach.bytes[i] == 0 { #expect(mask.bytes[i] == 0) }
            }
            #expect(mask.bytes.contains { $0 > 0 && $0 < 255 })
        }
        // Straight out from the box's right side the fade is the ramp.
        let mask = try Self.build([Self.box], blur: 4).mask
        let row = (0..<6).map { Int(mask.bytes[33 * Self.width + 49 + $0]) }
        #expect(row == [255, 204, 153, 102, 51, 0])
    }

    @Test func orderDoesNotMatter() throws {
        let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0]].map { $0.map { Self.all[$0] } }
        let masks = try orders.map { try Self.build($0, padding: 5, blur: 3).mask }
        #expect(masks[0] == masks[1] && masks[1] == masks[2])
    }

    @Test func sizeIsThePictures() throws {
        for (width, height) in [(1, 1), (5, 7), (4_000, 3)] {
            let builder = MaskBuilder(width: width, height: height, padding: 4, blur: 4)
            let empty = try builder.build([])
            #expect(empty.mask.width == width && empty.mask.height == height)
            #expect(empty.mask.isBlack && empty.detections.isEmpty && empty.mask.coverage == 0)
            let shape = MaskShape.hulls([[SIMD2(-9, -9), SIMD2(9_000, -9), SIMD2(9_000, 99), SIMD2(-9, 99)]])
            let full = try builder.build([ScoredShape(shape: shape, score: 1)])
            #expect(full.mask.bytes.allSatisfy { $0 == 255 } && full.mask.coverage == 1)
            #expect(full.detections[0].box == PixelBox(xMin: 0, yMin: 0, xMax: width, yMax: height))
        }
    }

    @Test func whatIsEmptyIsDropped() throws {
        let outside = MaskShape.box(PixelBox(xMin: 200, yMin: 5, xMax: 220, yMax: 30))
        let flat = MaskShape.box(PixelBox(xMin: 20, yMin: 5, xMax: 20, yMax: 30))
        let result = try Self.build([outside, flat, Self.box, .hulls([])])
        #expect(result.detections.map(\.box) == [PixelBox(xMin: 30, yMin: 25, xMax: 50, yMax: 41)])
        #expect(result.detections[0].score == 0.98)
        let eaten = try Self.build([Self.box], padding: -8)
        #expect(eaten.detections.isEmpty && eaten.mask.isBlack)
    }

    @Test func hullCoversItsPointsAndIsConvex() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<30 {
            let points = (0..<12).map { _ in
                SIMD2<Float>(
                    Float(Int.random(in: 10...79, using: &random)), Float(Int.random(in: 10...59, using: &random)))
            }
            let mask = try Self.build([.hulls([points])]).mask
            for point in points { #expect(mask.bytes[Int(point.y) * Self.width + Int(point.x)] == 255) }
            // A convex shape has no black between two whites of a row.
            for y in 0..<Self.height {
                let row = mask.bytes[y * Self.width..<(y + 1) * Self.width]
                guard let first = row.firstIndex(of: 255), let last = row.lastIndex(of: 255) else { continue }
                #expect(row[first...last].allSatisfy { $0 == 255 })
            }
        }
    }

    @Test func numbersThatAreNoneAreRefused() throws {
        var mask = Mask(width: 9, height: 9)
        for bad: Float in [.nan, .infinity] {
            #expect(throws: ImagingError.self) { try mask.fillHull(of: [SIMD2(1, 1), SIMD2(bad, 3), SIMD2(4, 5)]) }
        }
        #expect(throws: ImagingError.self) { try mask.merge(Mask(width: 9, height: 9), x: 1, y: 0) }
        #expect(mask.isBlack)
    }
}

@Suite struct DetectorTests {
    @Test func anchorsAreTheSSDScheme() {
        let short = Detector.Kind.shortFace.anchors
        #expect(short.count == 896)
        #expect(short[0] == SIMD2(0.03125, 0.03125) && short[1] == short[0] && short[2] == SIMD2(0.09375, 0.03125))
        #expect(short[512] == SIMD2(0.0625, 0.0625) && short[895] == SIMD2(0.9375, 0.9375))
        let full = Detector.Kind.fullFace.anchors
        #expect(full.count == 2_304)
        #expect(full[49] == SIMD2(1.5 / 48, 1.5 / 48))
    }

    static func face(_ score: Float, _ x: Float, _ y: Float, _ size: Float) -> Sighting {
        Sighting(score: score, low: SIMD2(x, y), high: SIMD2(x + size, y + size), keypoints: [SIMD2(x, y)])
    }

    @Test func overlappingBoxesAreAveraged() {
        let merged = Detector.merge([
            Self.face(0.25, 4, 0, 10), Self.face(0.75, 0, 0, 10), Self.face(0.5, 50, 50, 10),
        ])
        #expect(merged.count == 2)
        #expect(merged[0].score == 0.75 && merged[0].low == SIMD2(1, 0) && merged[0].high == SIMD2(11, 10))
        #expect(merged[0].keypoints == [SIMD2(1, 0)])
        #expect(merged[1].score == 0.5 && merged[1].low == SIMD2(50, 50))
    }

    @Test func boxesWithoutAreaEndTheLoop() {
        let merged = Detector.merge([Self.face(0.9, 3, 3, 0), Self.face(0.8, 0, 0, 10)])
        #expect(merged.map(\.score) == [0.8])
    }

    @Test func overlapIsIntersectionOverUnion() {
        #expect(Detector.overlap(Self.face(1, 0, 0, 2), Self.face(1, 1, 1, 2)) == 1 / Float(7))
        #expect(Detector.overlap(Self.face(1, 0, 0, 2), Self.face(1, 2, 0, 2)) == 0)
        #expect(Detector.overlap(Self.face(1, 0, 0, 2), Self.face(1, 5, 5, 2)) == 0)
    }
}
