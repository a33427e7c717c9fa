import Support
import Testing

@testable import Imaging

/// Parts of faces, hands and people in pictures that are put together here, judged by Google's own MediaPipe.
@Suite(.serialized) struct PartsTests {
    static let vendor = JudgedTests.vendor
    static let masker = JudgedTests.masker

    /// A mask that the judge is asked about.
    private struct Case {
        let name: String
        let kind: String
        let model: MaskModel
        let picture: PixelImage
        var most = 6
    }

    /// What the judge makes of each case: how many it finds, how many we found, and intersection over union.
    private static func judge(_ cases: [Case]) throws -> [(theirs: Int, ours: Int, overlap: Double)] {
        let folder = try TemporaryFolder()
        var arguments: [String] = []
        var counts: [Int] = []
        var written: [String] = []
        for (number, item) in cases.enumerated() {
            let result = try masker.mask(
                item.picture, MaskRequest(model: item.model, maxDetections: item.most, padding: 0, blur: 0))
            // One file a picture: the judge looks at each once.
            let path = "\(folder.path)/\(item.name).png"
            if !written.contains(path) { try writeFile(path, item.picture.encode(.png)) }
            written.append(path)
            try writeFile("\(folder.path)/\(number).png", result.mask.image.encode(.png))
            arguments.append("\(item.kind):\(path)=\(folder.path)/\(number).png")
            counts.append(result.detections.count)
        }
        let lines = try Judge.run("parts.py", arguments)
        try #require(lines.count == cases.count)
        return try zip(lines, counts).map { line, count in
            (try #require(Int(line[0])), count, try #require(Double(line[1])))
        }
    }

    /// Scaled, turned up to 30°, mirrored, two faces: twelve pictures.
    static func faces() throws -> [(name: String, picture: PixelImage)] {
        let one = try JudgedTests.picture("astronaut.png")
        let mirrored = one.turned(.mirrored)
        var views: [(String, PixelImage)] = []
        for (degrees, scale) in [(0.0, 1.0), (10, 1.4), (-15, 2), (20, 1), (-25, 1.7), (30, 2.2), (-30, 1.2)] {
            views.append(
                ("turned\(Int(degrees))", try one.turned(degrees: degrees, scale: scale, onto: 1_100, 900)))
        }
        views.append(("mirrored", mirrored))
        views.append(("mirroredTurned", try mirrored.turned(degrees: 18, scale: 1.6, onto: 900, 900)))
        let large = try one.resized(width: 800, height: 800)
        let other = try mirrored.resized(width: 720, height: 720)
        views.append(("two", try Canvas(1_500, 800).placing(large, x: -60, y: 0).placing(other, x: 780, y: 60).picture))
        let turned = try one.turned(degrees: -20, scale: 1.5, onto: 700, 800)
        views.append(
            ("twoTurned", try Canvas(1_400, 800).placing(turned, x: 0, y: 0).placing(other, x: 700, y: 0).picture))
        views.append(
            ("edge", try Canvas(900, 900).placing(one.resized(width: 1_024, height: 1_024), x: -320, y: -40).picture))
        return views
    }

    @Test func partsOfFacesFitMediaPipes() throws {
        let kinds: [(String, MaskModel)] = [
            ("face", .faceMesh), ("eyes", .eyes), ("eyes", .eyesOnly), ("nose", .nose), ("lips", .lips),
            ("eyes+lips", .eyesLips), ("nose+eyes", .noseEyes), ("nose+lips", .noseLips),
        ]
        let views = try Self.faces()
        let cases = views.flatMap { view in
            kinds.map { Case(name: view.name, kind: $0.0, model: $0.1, picture: view.picture) }
        }
        var faces = 0
        for (item, verdict) in zip(cases, try Self.judge(cases)) {
            #expect(verdict.overlap >= 0.93, "\(item.name), \(item.kind): \(verdict.overlap)")
            guard item.model == .faceMesh else { continue }
            // A part may lie outside the picture, a whole face can't.
            #expect(verdict.ours == verdict.theirs, "\(item.name)")
            faces += verdict.theirs
        }
        #expect(views.count >= 10 && faces >= views.count, "nearly every picture shows a face, two show two: \(faces)")
    }

    @Test func handsAreFoundWhereMediaPipeFindsThem() throws {
        let hand = try JudgedTests.picture("hand.png")
        var views = [("hand", hand), ("mirrored", hand.turned(.mirrored))]
        for (degrees, scale) in [(15.0, 1.0), (-30, 0.8), (30, 1.5), (0, 0.5)] {
            views.append(("turned\(Int(degrees))", try hand.turned(degrees: degrees, scale: scale, onto: 800, 900)))
        }
        let half = try hand.turned(.mirrored).resized(width: 300, height: 400)
        views.append(("two", try Canvas(800, 560).placing(hand, x: 20, y: 20).placing(half, x: 450, y: 90).picture))
        views.append(("none", try JudgedTests.picture("coffee.png")))
        views.append(("astronaut", try JudgedTests.picture("astronaut.png")))
        let cases = views.map { Case(name: $0.0, kind: "hands", model: .hands, picture: $0.1) }
        var hands = 0
        for (item, verdict) in zip(cases, try Self.judge(cases)) {
            #expect(verdict.ours == verdict.theirs, "\(item.name)")
            #expect(verdict.overlap >= 0.85, "\(item.name): \(verdict.overlap)")
            hands += verdict.theirs
        }
        #expect(hands >= 7, "most of the pictures show a hand: \(hands)")
    }

    @Test func peopleFitMediaPipesSilhouettes() throws {
        let one = try JudgedTests.picture("astronaut.png")
        var views = [("astronaut", one), ("mirrored", one.turned(.mirrored))]
        for (degrees, scale) in [(12.0, 0.9), (-20, 1.2), (30, 0.7)] {
            views.append(("turned\(Int(degrees))", try one.turned(degrees: degrees, scale: scale, onto: 800, 700)))
        }
        views.append(
            ("small", try Canvas(900, 600).placing(one.resized(width: 300, height: 300), x: 200, y: 200).picture))
        views.append(("large", try one.resized(width: 1_536, height: 1_536)))
        views.append(("hand", try JudgedTests.picture("hand.png")))
        views.append(("cat", try JudgedTests.picture("chelsea.png")))
        // MediaPipe's own graph looks at one person only.
        let cases = views.flatMap { view in
            [MaskModel.peopleNano, .peopleSmall].map {
                Case(name: view.0, kind: "people", model: $0, picture: view.1, most: 1)
            }
        }
        var people = 0
        for (item, verdict) in zip(cases, try Self.judge(cases)) {
            #expect(verdict.ours == verdict.theirs, "\(item.name)")
            #expect(verdict.overlap >= 0.9, "\(item.name): \(verdict.overlap)")
            people += verdict.theirs
        }
        #expect(people >= 14, "most of the pictures show a person: \(people)")
    }

    @Test func twoPeopleAreTwo() throws {
        let one = try JudgedTests.picture("astronaut.png")
        let other = try one.turned(.mirrored).resized(width: 400, height: 400)
        let both = try Canvas(940, 520).placing(one, x: 0, y: 8).placing(other, x: 530, y: 120).picture
        let result = try Self.masker.mask(both, MaskRequest(model: .peopleNano, padding: 0, blur: 0))
        #expect(result.detections.count == 2)
        let alone = try Self.masker.mask(one, MaskRequest(model: .peopleNano, padding: 0, blur: 0))
        let area = Double(alone.mask.bytes.count { $0 == 255 })
        let sum = Double(result.mask.bytes.count { $0 == 255 })
        #expect(sum > area * 1.3 && sum < area * 2)
        let best = try Self.masker.mask(
            both, MaskRequest(model: .peopleNano, maxDetections: 1, padding: 0, blur: 0))
        #expect(best.detections == Array(result.detections.prefix(1)))
    }

    /// Each parameter's effect, measured with every way of finding things: more padding or blur never covers less, more
    /// confidence or fewer detections never cover more.
    @Test func parametersActInOneDirection() throws {
        let one = try JudgedTests.picture("astronaut.png")
        let hand = try JudgedTests.picture("hand.png")
        func light(_ request: MaskRequest) throws -> Int {
            try Self.masker.mask(request.model == .hands ? hand : one, request).mask.bytes.reduce(0) { $0 + Int($1) }
        }
        for model in MaskModel.allCases where model.builtIn != nil {
            let request = MaskRequest(model: model, padding: 0, blur: 0)
            let plain = try light(request)
            #expect(plain > 0, "\(model)")
            func course(_ change: (inout MaskRequest, Int) -> Void, _ values: [Int]) throws -> [Int] {
                try values.map { value in
                    var changed = request
                    change(&changed, value)
                    return try light(changed)
                }
            }
            let padding = try course({ $0.padding = $1 }, [-3, 0, 4, 12])
            #expect(padding == padding.sorted() && Set(padding).count == 4, "\(model): \(padding)")
            let blur = try course({ $0.blur = $1 }, [0, 3, 10])
            #expect(blur == blur.sorted() && Set(blur).count == 3, "\(model): \(blur)")
            let confidence = try course({ $0.confidence = Double($1) / 100 }, [1, 10, 30, 60, 100])
            #expect(confidence == confidence.sorted(by: >) && confidence[4] < confidence[0], "\(model): \(confidence)")
            let most = try course({ $0.maxDetections = $1 }, [1, 2, 20])
            #expect(most == most.sorted(), "\(model): \(most)")
        }
    }
}
