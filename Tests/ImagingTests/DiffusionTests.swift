import Support
import Testing

@testable import Imaging

/// Pictures from words and words from pictures, with tiny models of random weights that a script writes.
@Suite(.serialized) struct DiffusionTests {
    private static func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try Judge.say(["python3", "\(Places.packageRoot)/Tests/ImagingTests/judge/folders.py", folder.path])
        return folder
    }

    /// `{"piece": number, …}` as the script writes it, without a parser of JSON: this target has none.
    private static func vocabulary(_ path: String) throws -> [String: Int] {
        let text = String(decoding: try readFile(path), as: UTF8.self)
        var found: [String: Int] = [:]
        var piece = String.UnicodeScalarView()
        var number = ""
        var isInside = false
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            if isInside {
                if scalar == "\"" {
                    isInside = false
                } else if scalar == "\\", let next = scalars.popFirst() {
                    if next == "u" {
                        let code = String(String.UnicodeScalarView(scalars.prefix(4)))
                        scalars = scalars.dropFirst(4)
                        piece.append(Unicode.Scalar(UInt32(code, radix: 16) ?? 0) ?? "?")
                    } else {
                        piece.append(next)
                    }
                } else {
                    piece.append(scalar)
                }
            } else if scalar == "\"" {
                isInside = true
            } else if scalar.properties.numericType != nil {
                number.unicodeScalars.append(scalar)
            } else if scalar == "," || scalar == "}" {
                found[String(piece)] = Int(number)
                piece = String.UnicodeScalarView()
                number = ""
            }
        }
        return found
    }

    private static func tokenizer(_ folder: String, _ style: Tokenizer.Style) throws -> Tokenizer {
        let merges = String(decoding: try readFile("\(folder)/merges.txt"), as: UTF8.self)
        return try Tokenizer(
            style, vocabulary: vocabulary("\(folder)/vocab.json"), merges: merges.split(separator: "\n"))
    }

    private static func model(_ folder: String, _ change: (inout DiffusionFiles) -> Void = { _ in }) throws
        -> DiffusionModel
    {
        let path = "\(folder)/tiny-diffusion"
        func part(_ name: String) -> String { "\(path)/\(name)/openvino_model.xml" }
        var files = DiffusionFiles(
            textEncoder: part("text_encoder"), denoiser: part("unet"), decoder: part("vae_decoder"),
            encoder: part("vae_encoder"), tokenizer: try tokenizer("\(path)/tokenizer", .clip), promptLength: 12,
            latentScale: 0.5)
        change(&files)
        return DiffusionModel(vendor: JudgedTests.vendor, files: files)
    }

    // MARK: Words

    @Test func wordsBecomeCLIPsNumbers() throws {
        let folder = try Self.folder()
        let tokenizer = try Self.tokenizer("\(folder.path)/tiny-diffusion/tokenizer", .clip)
        let texts = [
            "a cat on the mat", "The DOG's   dog", "  ", "cat,cat;the!!", "42 cats", "Ärger äß", "don't I'll we've",
            "cat\tcat\ncat", "日本 🐈", "a_b-c", "the cat the cat the cat the cat the cat the cat", "in doing",
        ]
        let lines = try Judge.say(
            ["python3", "\(Places.packageRoot)/Tests/ImagingTests/judge/folders.py", "--encode", "x"] + texts
        ).split(separator: "\n")
        #expect(lines.count == texts.count)
        for (text, line) in zip(texts, lines) {
            #expect(tokenizer.encode(text, length: 12) == line.split(separator: " ").compactMap { Int($0) }, "\(text)")
        }
        let long = String(repeating: "cat ", count: 100_000)
        #expect(tokenizer.encode(long, length: 77).count == 77)
        #expect(tokenizer.decode(tokenizer.encode("a cat on the mat", length: 12)) == "a cat on the mat")
        #expect(throws: ImagingError.self) {
            try Tokenizer(.clip, vocabulary: ["a": 0], merges: [Substring]())
        }
    }

    // MARK: Noise

    @Test func scheduleIsStableDiffusions() throws {
        let signals = NoiseSchedule().signals
        // Known from the published schedule: beta 0.00085 to 0.012, scaled linear, 1000 steps.
        #expect(abs(signals[0] - 0.99915) < 1e-6 && abs(signals[999] - 0.0046600) < 1e-6)
        let ddim = Sampler(NoiseSchedule(), steps: 50)
        #expect(ddim.times.first == 981 && ddim.times.last == 1 && ddim.times.count == 50)
        var euler = NoiseSchedule()
        euler.method = .euler
        let sampler = Sampler(euler, steps: 30)
        #expect(abs(sampler.startingNoise - 14.6146) < 1e-3 && sampler.times.first == 999 && sampler.times.last == 0)
    }

    /// A denoiser that knows the noise leads back to where the noise was added, by every method and prediction.
    @Test(arguments: [NoiseSchedule.Method.ddim, .euler], [NoiseSchedule.Prediction.epsilon, .velocity])
    func whoKnowsTheNoiseFindsThePicture(method: NoiseSchedule.Method, prediction: NoiseSchedule.Prediction) throws {
        var schedule = NoiseSchedule()
        (schedule.method, schedule.prediction, schedule.endsClean) = (method, prediction, true)
        var random = Noise(seed: 3)
        let (clean, noise) = (random.numbers(64), random.numbers(64))
        for steps in [1, 4, 25] {
            let sampler = Sampler(schedule, steps: steps)
            let signals = schedule.signals
            var latents = sampler.noised(clean, noise, at: 0)
            for step in 0..<steps {
                var signal = signals[Int(sampler.times[step])]
                if method == .euler {
                    // Between two training steps noise is interpolated, so the signal follows from the noise.
                    let below = Int(sampler.times[step])
                    let sigma = { ((1 - signals[$0]) / signals[$0]).squareRoot() } as (Int) -> Double
                    let level =
                        sigma(below) + (sigma(min(below + 1, 999)) - sigma(below))
                        * (sampler.times[step] - Double(below))
                    signal = 1 / (level * level + 1)
                }
                let (a, b) = (Float(signal.squareRoot()), Float((1 - signal).squareRoot()))
                let predicted = prediction == .epsilon ? noise : zip(noise, clean).map { a * $0 - b * $1 }
                latents = sampler.next(latents, predicted, at: step)
            }
            for (found, true1) in zip(latents, clean) { #expect(abs(found - true1) < 0.01, "\(steps)") }
        }
    }

    @Test func noiseIsABellCurveAndTheSameForTheSameSeed() {
        var first = Noise(seed: 5)
        var second = Noise(seed: 5)
        let numbers = first.numbers(20_001)
        #expect(numbers == second.numbers(20_001))
        let mean = numbers.reduce(0, +) / 20_001
        let spread = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_001
        #expect(abs(mean) < 0.03 && abs(spread - 1) < 0.03)
        let within = numbers.count { abs($0) < 1 }
        #expect(abs(Double(within) / 20_001 - 0.6827) < 0.02)
    }

    // MARK: Pictures

    @Test func picturesDependOnWhatWasAsked() throws {
        let folder = try Self.folder()
        let model = try Self.model(folder.path)
        var request = DiffusionRequest(prompt: "a cat on the mat", width: 64, height: 48)
        (request.steps, request.seed) = (6, 11)
        let rounds = UserModelTests.Counter()
        let first = try model.make(request) { _, all in
            rounds.count += 1
            #expect(all == 6)
        }
        #expect(rounds.count == 7)
        #expect(first.width == 64 && first.height == 48 && first.layout == .rgb8)
        #expect(try model.make(request) == first, "the same seed, the same picture")
        let changes: [(String, (inout DiffusionRequest) -> Void)] = [
            ("prompt", { $0.prompt = "the dog" }), ("negative prompt", { $0.negativePrompt = "dog" }),
            ("seed", { $0.seed = 12 }), ("steps", { $0.steps = 9 }), ("guidance", { $0.guidance = 3 }),
        ]
        for (name, change) in changes {
            var other = request
            change(&other)
            #expect(try model.make(other) != first, "\(name)")
        }
        let euler = try Self.model(folder.path) { $0.schedule.method = .euler }
        #expect(try euler.make(request) != first)
    }

    @Test func strengthSaysHowFarFromThePicture() throws {
        let folder = try Self.folder()
        let model = try Self.model(folder.path)
        var request = DiffusionRequest(prompt: "the cat", width: 64, height: 64)
        request.picture = try JudgedTests.picture("coffee.png")
        (request.steps, request.seed) = (10, 4)
        request.strength = 0
        let fitted = try JudgedTests.picture("coffee.png").resized(width: 64, height: 64)
        #expect(try model.make(request) == fitted)
        request.strength = 0.5
        let half = try model.make(request)
        request.strength = 1
        #expect(try model.make(request) != half)

        // With a mask only the white part changes.
        var mask = Mask(width: 600, height: 400)
        mask.fill(PixelBox(xMin: 300, yMin: 0, xMax: 600, yMax: 400))
        request.mask = mask
        let part = try model.make(request)
        for y in 0..<64 {
            #expect(part.bytes[y * 192..<y * 192 + 80] == fitted.bytes[y * 192..<y * 192 + 80])
        }
        #expect(part != fitted)
    }

    @Test func whatCanNotBeMadeIsRefused() throws {
        let folder = try Self.folder()
        let model = try Self.model(folder.path) { $0.encoder = nil }
        func code(_ change: (inout DiffusionRequest) -> Void) -> ImagingError.Code? {
            var request = DiffusionRequest(prompt: "cat", width: 16, height: 16)
            request.steps = 2
            change(&request)
            return #expect(throws: ImagingError.self) { try model.make(request) }?.code
        }
        for change in [
            { $0.width = 12 }, { $0.height = 0 }, { $0.width = 1_032 }, { $0.steps = 0 }, { $0.steps = 101 },
            { $0.guidance = -1 }, { $0.strength = 1.5 }, { $0.mask = Mask(width: 4, height: 4) },
        ] as [(inout DiffusionRequest) -> Void] {
            #expect(code(change) == .invalidArgument)
        }
        let picture = try Fixture.picture(16, 16, .rgb8)
        #expect(code { $0.picture = picture } == .modelMissing, "no encoder")
        let error = #expect(throws: ImagingError.self) {
            try model.make(DiffusionRequest(prompt: "cat", width: 16, height: 16)) {
                (done, _) throws(ImagingError) in
                if done == 1 { throw ImagingError(.cancelled, "stopped") }
            }
        }
        #expect(error?.code == .cancelled)
        let absent = try Self.model(folder.path) { $0.denoiser = "\(folder.path)/none.xml" }
        let missing = #expect(throws: ImagingError.self) {
            try absent.make(DiffusionRequest(prompt: "cat", width: 16, height: 16))
        }
        #expect(missing?.code == .modelMissing)
        let wrong = try Self.model(folder.path) { $0.denoiser = $0.decoder }
        let other = #expect(throws: ImagingError.self) {
            try wrong.make(DiffusionRequest(prompt: "cat", width: 16, height: 16))
        }
        #expect(other?.code == .modelBroken && other?.message.contains("no input named sample") == true)
    }

    @Test func captionsAreReadWordByWord() throws {
        let folder = try Self.folder()
        let path = "\(folder.path)/tiny-captioner"
        let files = CaptionerFiles(
            encoder: "\(path)/openvino_encoder_model.xml", decoder: "\(path)/openvino_decoder_model.xml",
            tokenizer: try Self.tokenizer(path, .gpt2), start: 0, end: 0, side: 32)
        let captioner = Captioner(vendor: JudgedTests.vendor, files: files)
        #expect(try captioner.describe(JudgedTests.picture("chelsea.png")) == "a cat on a mat")
        let words = UserModelTests.Counter()
        let error = #expect(throws: ImagingError.self) {
            try captioner.describe(JudgedTests.picture("chelsea.png")) { (_) throws(ImagingError) in
                words.count += 1
                if words.count == 3 { throw ImagingError(.cancelled, "stopped") }
            }
        }
        #expect(error?.code == .cancelled)
    }
}
