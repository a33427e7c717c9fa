import Imaging
import JSON
import Synchronization

/// Models of the operator's that are folders: what Optimum exports for OpenVINO. Their configuration is read here, because
/// `Imaging` knows pictures and no JSON.
final class LocalFolders: Sendable {
    /// Longest configuration file or vocabulary, in bytes.
    private static let mostBytes = 8 << 20

    private let vendor: String
    private let cache: String?
    private let folder: String
    private let loaded = Mutex(Loaded())
    /// The folders that make pictures and those that describe them, by name.
    let diffusion: [String]
    let captioners: [String]

    private struct Loaded {
        var diffusion: [String: DiffusionModel] = [:]
        var captioners: [String: Captioner] = [:]
    }

    init(vendor: String, cache: String?, own: OwnModels) {
        self.vendor = vendor
        self.cache = cache
        folder = own.folder
        let names = own.folders()
        diffusion = names.filter { Files.exists("\(own.folder)/\($0)/model_index.json") }
        captioners = names.filter { Files.exists("\(own.folder)/\($0)/openvino_decoder_model.xml") }
    }

    /// The name of a folder by the model's id.
    static func name(_ id: String) -> String { String(id.dropFirst("local:".utf8.count)) }

    /// What is missing of the library, or nil.
    func shortcoming() -> String? {
        let missing = UserModels(vendor: vendor).missing(folder)
        return missing.isEmpty ? nil : LocalShop.text(missing)
    }

    /// The model in a folder, its configuration read once.
    func diffusion(_ name: String) throws(StudioError) -> DiffusionModel {
        try loaded.withLock { loaded throws(StudioError) in
            if let ready = loaded.diffusion[name] { return ready }
            let model = DiffusionModel(vendor: vendor, files: try diffusionFiles("\(folder)/\(name)"), cache: cache)
            loaded.diffusion[name] = model
            return model
        }
    }

    /// The captioner in a folder, its configuration read once.
    func captioner(_ name: String) throws(StudioError) -> Captioner {
        try loaded.withLock { loaded throws(StudioError) in
            if let ready = loaded.captioners[name] { return ready }
            let model = Captioner(vendor: vendor, files: try captionerFiles("\(folder)/\(name)"), cache: cache)
            loaded.captioners[name] = model
            return model
        }
    }

    // MARK: Configuration

    private func diffusionFiles(_ path: String) throws(StudioError) -> DiffusionFiles {
        func part(_ name: String) -> String { "\(path)/\(name)/openvino_model.xml" }
        let words = try json("\(path)/tokenizer/tokenizer_config.json")
        let vocabulary = try vocabulary("\(path)/tokenizer/vocab.json")
        let pad = words["pad_token"].flatMap { $0.string ?? $0["content"]?.string }.flatMap { vocabulary[$0] }
        let tokenizer = try tokenizer(.clip, vocabulary, "\(path)/tokenizer/merges.txt", padding: pad)
        let length = words["model_max_length"]?.int.map { Int(clamping: $0) } ?? 77
        guard (2...1_024).contains(length) else {
            throw broken("\(path)/tokenizer/tokenizer_config.json", "model_max_length must lie in 2...1024")
        }
        let encoder = part("vae_encoder")
        var files = DiffusionFiles(
            textEncoder: part("text_encoder"), denoiser: part("unet"), decoder: part("vae_decoder"),
            encoder: Files.exists(encoder) ? encoder : nil, tokenizer: tokenizer, promptLength: length)
        files.schedule = try schedule("\(path)/scheduler/scheduler_config.json")
        if let scale = try json("\(path)/vae_decoder/config.json")["scaling_factor"]?.double, scale > 0 {
            files.latentScale = Float(scale)
        }
        return files
    }

    private func schedule(_ path: String) throws(StudioError) -> NoiseSchedule {
        let config = try json(path)
        var schedule = NoiseSchedule()
        switch config["_class_name"]?.string {
        case "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler": schedule.method = .euler
        // PNDM and its like take the same schedules of noise; DDIM's steps are theirs without memory.
        case "DDIMScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "DPMSolverMultistepScheduler", nil:
            schedule.method = .ddim
        case let other?: throw broken(path, "the scheduler \(other) is not known here; DDIMScheduler and Euler's are")
        }
        switch config["prediction_type"]?.string {
        case "epsilon", nil: schedule.prediction = .epsilon
        case "v_prediction": schedule.prediction = .velocity
        case let other?: throw broken(path, "prediction_type \(other) is not known here")
        }
        switch config["beta_schedule"]?.string {
        case "scaled_linear", nil: schedule.isScaledLinear = true
        case "linear": schedule.isScaledLinear = false
        case let other?: throw broken(path, "beta_schedule \(other) is not known here")
        }
        let (first, last) = (config["beta_start"]?.double ?? 0.00085, config["beta_end"]?.double ?? 0.012)
        let steps = config["num_train_timesteps"]?.int ?? 1_000
        let offset = config["steps_offset"]?.int ?? 0
        guard first > 0, first <= last, last < 1, (1...10_000).contains(steps), (0...100).contains(offset) else {
            throw broken(path, "betas must lie between 0 and 1, num_train_timesteps in 1...10000")
        }
        schedule.betas = first...last
        schedule.trainingSteps = Int(steps)
        schedule.offset = Int(offset)
        schedule.endsClean = config["set_alpha_to_one"]?.bool ?? true
        return schedule
    }

    private func captionerFiles(_ path: String) throws(StudioError) -> CaptionerFiles {
        let config = try json("\(path)/config.json")
        let looks = try json("\(path)/preprocessor_config.json")
        let tokenizer = try tokenizer(.gpt2, vocabulary("\(path)/vocab.json"), "\(path)/merges.txt", padding: nil)
        guard let start = config["decoder_start_token_id"]?.int, let end = config["eos_token_id"]?.int else {
            throw broken("\(path)/config.json", "decoder_start_token_id and eos_token_id are needed")
        }
        var files = CaptionerFiles(
            encoder: "\(path)/openvino_encoder_model.xml", decoder: "\(path)/openvino_decoder_model.xml",
            tokenizer: tokenizer, start: Int(clamping: start), end: Int(clamping: end))
        if let side = looks["size"].flatMap({ $0.int ?? $0["height"]?.int }) { files.side = Int(clamping: side) }
        files.mean = colours(looks["image_mean"]) ?? files.mean
        files.deviation = colours(looks["image_std"]) ?? files.deviation
        guard files.deviation.min() > 0 else {
            throw broken("\(path)/preprocessor_config.json", "image_std must be above 0")
        }
        return files
    }

    private func colours(_ list: JSONView?) -> SIMD3<Float>? {
        guard let list, list.count == 3, let red = list[0]?.double, let green = list[1]?.double,
            let blue = list[2]?.double
        else { return nil }
        return SIMD3(Float(red), Float(green), Float(blue))
    }

    private func tokenizer(
        _ style: Tokenizer.Style, _ vocabulary: [String: Int], _ merges: String, padding: Int?
    ) throws(StudioError) -> Tokenizer {
        let text = String(decoding: try bytes(merges), as: UTF8.self)
        return try LocalShop.run { () throws(ImagingError) in
            try Tokenizer(style, vocabulary: vocabulary, merges: text.split(separator: "\n"), padding: padding)
        }
    }

    private func vocabulary(_ path: String) throws(StudioError) -> [String: Int] {
        var found: [String: Int] = [:]
        for (piece, number) in try json(path).members {
            guard let piece = piece.string, let number = number.int, number >= 0 else {
                throw broken(path, "a vocabulary says a number for each piece")
            }
            found[piece] = Int(clamping: number)
        }
        return found
    }

    private func json(_ path: String) throws(StudioError) -> JSONView {
        var limits = JSONLimits.standard
        limits.maxBytes = Self.mostBytes
        let text = try bytes(path)
        do throws(JSONError) {
            return try JSONDocument.parse(text, limits: limits).root
        } catch {
            throw broken(path, error.message)
        }
    }

    private func bytes(_ path: String) throws(StudioError) -> [UInt8] {
        do throws(Files.Failure) {
            return try Files.read(path, limit: Self.mostBytes)
        } catch {
            throw broken(path, error.text)
        }
    }

    private func broken(_ path: String, _ what: String) -> StudioError {
        StudioError(
            .modelNotInstalled, parameter: "model",
            "the model's file own\(path.dropFirst(folder.count)) can't be used: \(what)")
    }
}
