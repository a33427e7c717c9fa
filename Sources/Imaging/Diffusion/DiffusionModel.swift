import Glibc
import Synchronization

/// Where the parts of a latent diffusion model lie, and what its configuration files say. The layout is that of a folder
/// that Optimum exports for OpenVINO from a Stable Diffusion model.
package struct DiffusionFiles: Sendable {
    /// Words in, their meaning out.
    package var textEncoder: String
    /// Latents, time and meaning in, what is noise out.
    package var denoiser: String
    /// Latents in, colours out.
    package var decoder: String
    /// Colours in, latents out; only for work on a picture.
    package var encoder: String?
    /// Words as numbers.
    package var tokenizer: Tokenizer
    /// Numbers that a prompt is cut or filled to.
    package var promptLength: Int
    /// How noise is taken out.
    package var schedule: NoiseSchedule
    /// By what latents are multiplied after encoding.
    package var latentScale: Float

    /// Stable Diffusion's numbers where not said otherwise.
    package init(
        textEncoder: String, denoiser: String, decoder: String, encoder: String?, tokenizer: Tokenizer,
        promptLength: Int = 77, schedule: NoiseSchedule = NoiseSchedule(), latentScale: Float = 0.18215
    ) {
        self.textEncoder = textEncoder
        self.denoiser = denoiser
        self.decoder = decoder
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.promptLength = promptLength
        self.schedule = schedule
        self.latentScale = latentScale
    }
}

/// What picture to make.
package struct DiffusionRequest: Sendable {
    /// What it shows.
    package var prompt: String
    /// What it shall not show.
    package var negativePrompt = ""
    /// Pixels, a multiple of 8, 8...1024.
    package var width: Int
    /// Pixels, a multiple of 8, 8...1024.
    package var height: Int
    /// Rounds of denoising, 1...100.
    package var steps = 20
    /// How closely the prompt is followed, 0...50; up to 1 the negative prompt does not count.
    package var guidance = 7.5
    /// Same seed and request, same picture.
    package var seed: UInt64 = 0
    /// A picture to begin with; made to fit.
    package var picture: PixelImage?
    /// How far the result may go from the picture, 0...1.
    package var strength = 0.8
    /// White where the picture may change.
    package var mask: Mask?

    /// A request with Stable Diffusion's usual numbers.
    package init(prompt: String, width: Int = 512, height: Int = 512) {
        self.prompt = prompt
        self.width = width
        self.height = height
    }
}

/// Makes pictures from words with a latent diffusion model (Rombach et al. 2022) that the user brought. Loaded when first
/// needed; one picture at a time. Calls block for seconds to minutes.
package final class DiffusionModel: Sendable {
    /// What a side may be, in pixels.
    package static let sides = 8...1_024
    /// Pixels of the picture that one latent stands for, along a side.
    private static let grain = 8
    private static let channels = 4

    private let vendor: String
    private let threads: Int
    private let cache: String?
    private let files: DiffusionFiles
    private let loaded = Mutex<Parts?>(nil)

    private struct Parts {
        let text: Network
        let denoiser: Network
        let decoder: Network
        let encoder: Network?
    }

    /// Touches nothing yet. Parameters as for `Masker`.
    package init(vendor: String, files: DiffusionFiles, threads: Int = 2, cache: String? = nil) {
        self.vendor = vendor
        self.files = files
        self.threads = threads
        self.cache = cache
    }

    /// Makes a picture. `step` is told how many rounds of how many are done, and may throw to stop.
    ///
    /// Throws `.invalidArgument`, `.modelMissing`, `.modelBroken`, `.inferenceFailed`, what `step` throws.
    package func make(
        _ request: DiffusionRequest, step: @Sendable (Int, Int) throws(ImagingError) -> Void = { _, _ in }
    ) throws(ImagingError) -> PixelImage {
        try check(request)
        return try loaded.withLock { loaded throws(ImagingError) in
            let parts = if let ready = loaded { ready } else { try load() }
            loaded = parts
            return try make(request, parts, step)
        }
    }

    private func check(_ request: DiffusionRequest) throws(ImagingError) {
        for (name, side) in [("width", request.width), ("height", request.height)] {
            guard Self.sides.contains(side), side % Self.grain == 0 else {
                throw ImagingError(
                    .invalidArgument, "\(name) must be a multiple of 8 in 8...1024 for a local model, not \(side)")
            }
        }
        guard (1...100).contains(request.steps), (0...50).contains(request.guidance), (0...1).contains(request.strength)
        else {
            throw ImagingError(
                .invalidArgument, "steps must lie in 1...100, guidance in 0...50, strength in 0...1")
        }
        if let mask = request.mask {
            guard let picture = request.picture else {
                throw ImagingError(.invalidArgument, "a mask says which part of a picture changes; there is no picture")
            }
            _ = try picture.checkedExtent(mask)
        }
    }

    private func load() throws(ImagingError) -> Parts {
        let engine = try InferenceEngine(vendor: vendor, threads: threads, cache: cache)
        var encoder: Network?
        if let path = files.encoder { encoder = try engine.network(path: path) }
        let parts = Parts(
            text: try engine.network(path: files.textEncoder), denoiser: try engine.network(path: files.denoiser),
            decoder: try engine.network(path: files.decoder), encoder: encoder)
        for name in ["sample", "timestep", "encoder_hidden_states"] {
            guard parts.denoiser.inputs.contains(where: { $0.name == name }) else {
                throw parts.denoiser.broken("has no input named \(name), but \(parts.denoiser.inputs)")
            }
        }
        return parts
    }

    private func make(
        _ request: DiffusionRequest, _ parts: Parts, _ step: @Sendable (Int, Int) throws(ImagingError) -> Void
    ) throws(ImagingError) -> PixelImage {
        let wanted = try meaning(of: request.prompt, parts)
        let unwanted = request.guidance > 1 ? try meaning(of: request.negativePrompt, parts) : nil
        let (width, height) = (request.width / Self.grain, request.height / Self.grain)
        let shape = [1, Self.channels, height, width]
        let count = Self.channels * width * height
        var noise = Noise(seed: request.seed)
        let start = noise.numbers(count)
        let sampler = Sampler(files.schedule, steps: request.steps)

        var latents: [Float]
        var first = 0
        var clean: [Float] = []
        var open: [Float]?
        if let picture = request.picture {
            let fitted = try picture.converted(to: .rgb8).resized(width: request.width, height: request.height)
            clean = try self.latents(of: fitted, shape, parts)
            first = sampler.times.count - Int((Double(sampler.times.count) * request.strength).rounded(.down))
            // Without any round left the picture stays as it is.
            guard first < sampler.times.count else { return fitted }
            latents = sampler.noised(clean, start, at: first)
            if let mask = request.mask {
                let small = try mask.image.resized(width: width, height: height)
                open = small.bytes.map { $0 > 0 ? 1 : 0 }
            }
        } else {
            latents = start.map { $0 * sampler.startingNoise }
        }
        for round in first..<sampler.times.count {
            try step(round - first, sampler.times.count - first)
            let shown = sampler.scaled(latents, at: round)
            var predicted = try denoise(shown, shape, sampler.times[round], wanted, parts)
            if let unwanted {
                let other = try denoise(shown, shape, sampler.times[round], unwanted, parts)
                let guidance = Float(request.guidance)
                predicted = zip(other, predicted).map { $0 + guidance * ($1 - $0) }
            }
            latents = sampler.next(latents, predicted, at: round)
            guard let open else { continue }
            // Where nothing may change, the picture itself goes on, with the noise of this round.
            let kept = round + 1 < sampler.times.count ? sampler.noised(clean, start, at: round + 1) : clean
            for i in 0..<count where open[i % (width * height)] == 0 { latents[i] = kept[i] }
        }
        try step(sampler.times.count - first, sampler.times.count - first)
        let made = try colours(of: latents, shape, request, parts)
        guard let mask = request.mask, let picture = request.picture else { return made }
        let whole = PixelBox(xMin: 0, yMin: 0, xMax: request.width, yMax: request.height)
        let fitted = try picture.converted(to: .rgb8).resized(width: request.width, height: request.height)
        return fitted.mixed(
            with: made, at: whole, by: try Mask(mask.image.resized(width: request.width, height: request.height)))
    }

    private func meaning(of text: String, _ parts: Parts) throws(ImagingError) -> (shape: [Int], numbers: [Float]) {
        let numbers = files.tokenizer.encode(text, length: files.promptLength).map(Double.init)
        try parts.text.setInput(0, shape: [1, files.promptLength], numbers)
        try parts.text.run()
        let output = try parts.text.output()
        guard output.shape.count == 3, output.shape[1] == files.promptLength else {
            throw parts.text.broken("gives \(output.shape), not one row a word")
        }
        return (output.shape, Array(output.numbers))
    }

    private func denoise(
        _ latents: [Float], _ shape: [Int], _ time: Double, _ meaning: (shape: [Int], numbers: [Float]), _ parts: Parts
    ) throws(ImagingError) -> [Float] {
        for (index, port) in parts.denoiser.inputs.enumerated() {
            switch port.name {
            case "sample": _ = try parts.denoiser.input(index, shape: shape).update(fromContentsOf: latents)
            case "timestep": try parts.denoiser.setInput(index, shape: port.shape == [] ? [] : [1], [time])
            case "encoder_hidden_states":
                _ = try parts.denoiser.input(index, shape: meaning.shape).update(fromContentsOf: meaning.numbers)
            default: throw parts.denoiser.broken("has an input that is not known here, \(port)")
            }
        }
        try parts.denoiser.run()
        return Array(try parts.denoiser.output(0, count: latents.count))
    }

    private func latents(of picture: PixelImage, _ shape: [Int], _ parts: Parts) throws(ImagingError) -> [Float] {
        guard let encoder = parts.encoder else {
            throw ImagingError(
                .modelMissing, "this model has no vae_encoder, so it can't work on a picture; export it with one")
        }
        try picture.write(
            into: encoder.input(shape: [1, 3, picture.height, picture.width]), width: picture.width,
            height: picture.height,
            as: Samples(scale: .init(repeating: 2 / 255), offset: .init(repeating: -1), isPlanar: true))
        try encoder.run()
        let output = try encoder.output().numbers
        // Either latents, or their mean and then their spread: the mean comes first.
        let count = shape.reduce(1, *)
        guard output.count == count || output.count == 2 * count else {
            throw encoder.broken("gives \(output.count) numbers where \(count) are expected")
        }
        return output.prefix(count).map { $0 * files.latentScale }
    }

    private func colours(
        of latents: [Float], _ shape: [Int], _ request: DiffusionRequest, _ parts: Parts
    ) throws(ImagingError) -> PixelImage {
        let input = try parts.decoder.input(shape: shape)
        for i in latents.indices { input[i] = latents[i] / files.latentScale }
        try parts.decoder.run()
        let count = request.width * request.height
        let planes = try parts.decoder.output(0, count: 3 * count)
        var pixels = [UInt8](repeating: 0, count: 3 * count)
        for i in 0..<count {
            for colour in 0..<3 { pixels[3 * i + colour] = UInt8(unit: planes[colour * count + i] / 2 + 0.5) }
        }
        return PixelImage(unchecked: pixels, width: request.width, height: request.height, layout: .rgb8)
    }
}
