import Support
import Testing

@testable import Imaging

/// What is done to pictures without a model; where OpenCV's Python package or a slow twin can do the same, it judges.
@Suite(.serialized) struct EditTests {
    /// The mean difference, 0...255, between what the judge makes and the file.
    private static func difference(_ argument: String) throws -> Double {
        let lines = try Judge.run("parts.py", [argument])
        let line = try #require(lines.first)
        return try #require(Double(line[1]))
    }

    // MARK: Enlarging

    @Test func enlargingKeepsThePicture() throws {
        let picture = try JudgedTests.picture("chelsea.png")
        for factor in 2...4 {
            let large = try picture.enlarged(by: factor)
            #expect(large.width == picture.width * factor && large.height == picture.height * factor)
            #expect(
                Fixture.meanDifference(try large.resized(width: picture.width, height: picture.height), picture) < 1.5)
        }
    }

    @Test func whatWouldBeTooLargeIsMadeSmallerFirst() throws {
        let wide = try Fixture.picture(2_048, 30, .rgb8)
        #expect(try wide.enlarged(by: 2).width == 4_096)
        #expect(try wide.enlarged(by: 4).width == 4_096)
        #expect(try wide.enlarged(by: 3).width == 4_095)
        for factor in [0, -1, 9] {
            #expect(throws: ImagingError.self) { try wide.enlarged(by: factor) }
        }
    }

    @Test func transparentPixelsLendNoColour() throws {
        // Opaque red beside transparent green.
        let bytes: [UInt8] = (0..<64).flatMap { $0 % 8 < 4 ? [200, 0, 0, 255] : [0, 255, 0, 0] as [UInt8] }
        let picture = try PixelImage(width: 8, height: 8, layout: .rgba8, bytes: bytes)
        for (width, height) in [(32, 32), (4, 4), (3, 3)] {
            let other = try picture.resized(width: width, height: height)
            for i in 0..<width * height where other.bytes[4 * i + 3] > 8 {
                #expect(other.bytes[4 * i + 1] < 6, "green shines through at \(i) of \(width)")
            }
        }
    }

    // MARK: Filling

    /// OpenCV reads beside a picture of a single row or column: what it finds there are other people's pictures.
    @Test(arguments: FillMethod.allCases, PixelImage.Layout.allCases)
    func narrowPicturesAreFilledFromThemselves(_ method: FillMethod, _ layout: PixelImage.Layout) throws {
        let colour = Array([200, 100, 50, 255].prefix(layout.channels)) as [UInt8]
        for (width, height) in [(1, 100), (100, 1), (2, 2), (1, 2), (2, 1), (1_000, 1), (300, 2)] {
            let bytes = (0..<width * height).flatMap { _ in colour }
            let picture = try PixelImage(width: width, height: height, layout: layout, bytes: bytes)
            var mask = Mask(width: width, height: height)
            // Telea's method rounds on its way, so its holes are small; the other's reach as far as can be.
            let length = max(width, height)
            for start in stride(from: 1, to: length, by: method == .telea ? 8 : length) {
                let end = min(length, method == .telea ? start + 4 : length)
                mask.fill(
                    width > 1
                        ? PixelBox(xMin: start, yMin: 0, xMax: end, yMax: height)
                        : PixelBox(xMin: 0, yMin: start, xMax: width, yMax: end))
            }
            let made = try picture.filled(mask, by: method)
            #expect(zip(made.bytes, bytes).allSatisfy { abs(Int($0) - Int($1)) <= 3 }, "\(width)×\(height)")
        }
    }

    // MARK: Edges

    @Test func edgesAreOpenCVs() throws {
        let folder = try TemporaryFolder()
        let grey = try JudgedTests.picture("coffee.png").converted(to: .gray8)
        try writeFile("\(folder.path)/grey.png", grey.encode(.png))
        var before = Int.max
        for (low, high) in [(20.0, 60.0), (100, 200), (50, 200), (300, 500)] {
            let edges = try grey.edges(low: low, high: high)
            #expect(edges.bytes.allSatisfy { $0 == 0 || $0 == 255 })
            try writeFile("\(folder.path)/edges.png", edges.encode(.png))
            let difference = try Self.difference(
                "canny:\(low),\(high):\(folder.path)/grey.png=\(folder.path)/edges.png")
            #expect(difference == 0, "\(low), \(high)")
            let count = edges.bytes.count { $0 == 255 }
            if (low, high) != (50, 200) {
                #expect(count < before)
                before = count
            }
        }
        for (low, high) in [(200.0, 100.0), (100, 100), (-1, 5), (5, 1_001), (.nan, 5)] {
            let error = #expect(throws: ImagingError.self) { try grey.edges(low: low, high: high) }
            #expect(error?.code == .invalidArgument)
        }
    }

    // MARK: Filling

    private static func scratched(_ picture: PixelImage) -> Mask {
        var mask = Mask(width: picture.width, height: picture.height)
        mask.fill(PixelBox(xMin: 60, yMin: 40, xMax: 210, yMax: 46))
        mask.fill(PixelBox(xMin: 120, yMin: 20, xMax: 125, yMax: 160))
        return mask
    }

    @Test(arguments: FillMethod.allCases)
    func fillingIsOpenCVs(method: FillMethod) throws {
        let folder = try TemporaryFolder()
        let picture = try JudgedTests.picture("chelsea.png")
        let mask = Self.scratched(picture)
        var damaged = picture.bytes
        for i in mask.bytes.indices where mask.bytes[i] != 0 {
            damaged.replaceSubrange(3 * i..<3 * i + 3, with: [255, 0, 255])
        }
        let scratched = try PixelImage(width: picture.width, height: picture.height, layout: .rgb8, bytes: damaged)
        let filled = try scratched.filled(mask, by: method)
        // Near to what was there before, and not a trace of the scratch.
        #expect(Fixture.meanDifference(filled, picture) < 1)
        try writeFile("\(folder.path)/in.png", scratched.encode(.png))
        try writeFile("\(folder.path)/mask.png", mask.image.encode(.png))
        try writeFile("\(folder.path)/out.png", filled.encode(.png))
        let name = method == .telea ? "telea" : "ns"
        #expect(
            try Self.difference("\(name):5:\(folder.path)/in.png,\(folder.path)/mask.png=\(folder.path)/out.png") < 0.05
        )
        // What is not masked stays as it is.
        for i in mask.bytes.indices where mask.bytes[i] == 0 {
            if filled.bytes[3 * i..<3 * i + 3] != scratched.bytes[3 * i..<3 * i + 3] { Issue.record("changed at \(i)") }
        }
        #expect(try scratched.converted(to: .gray8).filled(mask, by: method).layout == .gray8)
        let clear = try scratched.converted(to: .rgba8).filled(mask, by: method)
        #expect(clear.converted(to: .rgb8) == filled && clear.alpha.bytes.allSatisfy { $0 == 255 })
    }

    @Test func greyInTheMaskMixes() throws {
        let picture = try JudgedTests.picture("chelsea.png")
        var mask = Self.scratched(picture)
        let hard = try picture.filled(mask, by: .telea)
        try mask.fade(by: 6)
        let soft = try picture.filled(mask, by: .telea)
        #expect(Fixture.meanDifference(soft, picture) > 0 && hard != soft)
    }

    @Test func masksThatDoNotFitAreRefused() throws {
        let picture = try Fixture.picture(40, 30, .rgb8)
        var whole = Mask(width: 40, height: 30)
        whole.fill(PixelBox(xMin: 0, yMin: 0, xMax: 40, yMax: 30))
        for mask in [Mask(width: 40, height: 30), Mask(width: 30, height: 40), whole] {
            let error = #expect(throws: ImagingError.self) { try picture.filled(mask, by: .telea) }
            #expect(error?.code == .invalidArgument)
        }
        var dot = Mask(width: 40, height: 30)
        dot.fill(PixelBox(xMin: 4, yMin: 4, xMax: 5, yMax: 5))
        for radius in [0.5, 51, .nan] {
            #expect(throws: ImagingError.self) { try picture.filled(dot, by: .telea, radius: radius) }
        }
        _ = try picture.filled(dot, by: .navierStokes, radius: 1)
        let large = try PixelImage(
            width: 2_100, height: 2_000, layout: .gray8, bytes: [UInt8](repeating: 7, count: 4_200_000))
        var most = Mask(width: 2_100, height: 2_000)
        most.fill(PixelBox(xMin: 0, yMin: 0, xMax: 2_001, yMax: 2_000))
        let error = #expect(throws: ImagingError.self) { try large.filled(most, by: .telea) }
        #expect(error?.code == .tooLarge)
    }

    // MARK: Mattes

    @Test func theGuidedFilterIsThePapers() throws {
        let folder = try TemporaryFolder()
        let picture = try JudgedTests.picture("chelsea.png")
        var rough = Mask(width: picture.width, height: picture.height)
        rough.fill(PixelBox(xMin: 100, yMin: 30, xMax: 330, yMax: 260))
        var matte = rough
        try picture.guide(&matte, radius: 8)
        try writeFile("\(folder.path)/in.png", picture.encode(.png))
        try writeFile("\(folder.path)/matte.png", rough.image.encode(.png))
        try writeFile("\(folder.path)/out.png", matte.image.encode(.png))
        let argument = "guide:8,0.0001:\(folder.path)/in.png,\(folder.path)/matte.png=\(folder.path)/out.png"
        #expect(try Self.difference(argument) < 0.5)
    }

    /// A cat's fur as a disc, its edge soft over some pixels, before a plain wall.
    private static func disc(soft: Double) throws -> (picture: PixelImage, alpha: [UInt8]) {
        let fur = try JudgedTests.picture("chelsea.png")
        let (width, height) = (260, 220)
        var bytes: [UInt8] = []
        var alpha: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let (dx, dy) = (Double(x) - 130, Double(y) - 110)
                let share = min(max((70 - (dx * dx + dy * dy).squareRoot()) / soft + 0.5, 0), 1)
                alpha.append(UInt8(share * 255 + 0.5))
                let wall = [40.0, 90 + Double(x) / 10, 160]
                for colour in 0..<3 {
                    let front = Double(fur.bytes[((y + 40) * fur.width + x + 90) * 3 + colour])
                    bytes.append(UInt8(front * share + wall[colour] * (1 - share) + 0.5))
                }
            }
        }
        return (try PixelImage(width: width, height: height, layout: .rgb8, bytes: bytes), alpha)
    }

    private static func overlap(_ mask: Mask, _ alpha: [UInt8]) -> Double {
        var (both, either) = (0, 0)
        for i in alpha.indices {
            let (a, b) = (mask.bytes[i] >= 128, alpha[i] >= 128)
            if a && b { both += 1 }
            if a || b { either += 1 }
        }
        return Double(both) / Double(max(either, 1))
    }

    @Test func grabCutFindsWhatStandsOut() throws {
        let (picture, alpha) = try Self.disc(soft: 1)
        let found = try #require(try picture.standingOut())
        #expect(Self.overlap(found, alpha) > 0.93)
        #expect(try picture.standingOut() == found, "the same every time")
        let large = try picture.resized(width: 1_300, height: 1_100)
        #expect(try large.standingOut()?.width == 1_300)
    }

    @Test func nothingStandsOutOfAPlainWall() throws {
        let wall = try PixelImage(
            width: 90, height: 80, layout: .rgb8, bytes: (0..<7_200).flatMap { _ in [90, 90, 90] as [UInt8] })
        #expect(try wall.standingOut() == nil)
        #expect(try Fixture.picture(3, 3, .rgb8).standingOut() == nil)
    }

    @Test func alphaIsSolvedForAtASoftEdge() throws {
        let (picture, alpha) = try Self.disc(soft: 16)
        let true16 = try Mask(PixelImage(width: 260, height: 220, layout: .gray8, bytes: alpha))
        // What is known at first is a hard disc.
        var hard = true16
        hard.threshold()
        let solved = try picture.solved(hard, front: 240, back: 10, erosion: 12)
        func error(_ mask: Mask) -> Double {
            Double(zip(mask.bytes, alpha).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }) / Double(alpha.count)
        }
        #expect(error(solved) < error(hard) / 2, "\(error(solved)) against \(error(hard))")
    }

    @Test func cuttingOut() throws {
        let (picture, alpha) = try Self.disc(soft: 6)
        let matte = try Mask(PixelImage(width: 260, height: 220, layout: .gray8, bytes: alpha))
        let plain = try picture.cutOut(matte)
        #expect(plain.layout == .rgba8 && plain.alpha.bytes == alpha)
        // The wall's blue is out of the half-transparent edge.
        let fur = try JudgedTests.picture("chelsea.png")
        var (before, after, count) = (0, 0, 0)
        for i in alpha.indices where alpha[i] > 60 && alpha[i] < 200 {
            let (x, y) = (i % 260, i / 260)
            let true2 = Int(fur.bytes[((y + 40) * fur.width + x + 90) * 3 + 2])
            before += abs(Int(picture.bytes[3 * i + 2]) - true2)
            after += abs(Int(plain.bytes[4 * i + 2]) - true2)
            count += 1
        }
        #expect(count > 500 && after * 2 < before, "\(after) against \(before)")

        var request = CutoutRequest()
        request.background = [10, 20, 30, 255]
        let laid = try picture.cutOut(matte, request)
        #expect(Array(laid.bytes[0..<4]) == [10, 20, 30, 255] && laid.alpha.bytes.allSatisfy { $0 == 255 })
        request.background = [10, 20, 30, 128]
        let half = try picture.cutOut(matte, request)
        #expect(Array(half.bytes[0..<4]) == [10, 20, 30, 128])
        request.givesMask = true
        #expect(try picture.cutOut(matte, request) == matte.image)
        request.tidiesMask = true
        #expect(try picture.cutOut(matte, request).bytes.allSatisfy { $0 == 0 || $0 == 255 })
        request = CutoutRequest()
        request.solvesAlpha = true
        _ = try picture.cutOut(matte, request)
        for change in [
            { $0.erosion = 0 }, { $0.erosion = 256 }, { $0.backThreshold = 0 }, { $0.frontThreshold = 10 },
        ] as [(inout CutoutRequest) -> Void] {
            var bad = request
            change(&bad)
            let error = #expect(throws: ImagingError.self) { try picture.cutOut(matte, bad) }
            #expect(error?.code == .invalidArgument)
        }
        #expect(throws: ImagingError.self) { try picture.cutOut(Mask(width: 5, height: 5)) }
    }

    @Test func peopleStandOut() throws {
        let picture = try JudgedTests.picture("astronaut.png")
        let matte = try #require(try JudgedTests.masker.peopleStandingOut(in: picture))
        let mask = try JudgedTests.masker.mask(picture, MaskRequest(model: .peopleNano, padding: 0, blur: 0)).mask
        #expect(Self.overlap(matte, mask.bytes) > 0.93)
        #expect(try JudgedTests.masker.peopleStandingOut(in: JudgedTests.picture("chelsea.png")) == nil)
    }

    /// Whatever the size, the layout and the pixels: every edit gives a picture of the promised size or an error that says
    /// why.
    @Test func editsBearAnyPicture() throws {
        var random = SeededGenerator(seed: 23)
        for round in 0..<150 {
            let (width, height) = (1 + random.below(round < 100 ? 9 : 60), 1 + random.below(round < 100 ? 9 : 60))
            let layout = random.pick(PixelImage.Layout.allCases)
            let picture = try PixelImage(
                width: width, height: height, layout: layout, bytes: random.bytes(width * height * layout.channels))
            let grey =
                random.oneIn(2)
                ? random.bytes(width * height) : (0..<width * height).map { _ in random.oneIn(3) ? 255 : 0 }
            let mask = try Mask(PixelImage(width: width, height: height, layout: .gray8, bytes: grey))
            #expect(try picture.enlarged(by: 3).width == width * 3)
            #expect(try picture.edges(low: 30, high: 90).height == height)
            var request = CutoutRequest()
            (request.solvesAlpha, request.tidiesMask) = (random.oneIn(2), random.oneIn(2))
            request.erosion = 1 + random.below(255)
            request.background = [1, 2, 3, UInt8(random.below(256))]
            #expect(try picture.cutOut(mask, request).width == width)
            let found = try picture.standingOut()
            #expect(found == nil || found?.width == width)
            do throws(ImagingError) {
                let filled = try picture.filled(
                    mask, by: random.pick(FillMethod.allCases), radius: Double(1 + random.below(9)))
                #expect(filled.width == width && filled.layout == layout)
            } catch {
                #expect(error.code == .invalidArgument, "\(error.message)")
            }
        }
    }
}
