import Synchronization

/// Where the parts of a model that describes pictures lie, and what its configuration files say. The layout is that of a
/// folder that Optimum exports for OpenVINO from an encoder of pictures with a decoder of words (ViT with GPT-2, say).
package struct CaptionerFiles: Sendable {
    /// A picture in, its meaning out.
    package var encoder: String
    /// The words so far and the meaning in, how likely each next word is out.
    package var decoder: String
    /// Numbers as words.
    package var tokenizer: Tokenizer
    /// The number that every description begins with.
    package var start: Int
    /// The number that ends it.
    package var end: Int
    /// Side of the picture that the encoder sees, in pixels, 16...1024.
    package var side: Int
    /// What is taken from each colour, 0...1, red, green, blue.
    package var mean: SIMD3<Float>
    /// What the rest is divided by.
    package var deviation: SIMD3<Float>

    /// All of them.
    package init(
        encoder: String, decoder: String, tokenizer: Tokenizer, start: Int, end: Int, side: Int = 224,
        mean: SIMD3<Float> = .init(repeating: 0.5), deviation: SIMD3<Float> = .init(repeating: 0.5)
    ) {
        self.encoder = encoder
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.start = start
        self.end = end
        self.side = side
        self.mean = mean
        self.deviation = deviation
    }
}

/// Describes pictures with a model that the user brought, taking the likeliest word each time. Loaded when first needed; one
/// picture at a time. Calls block for seconds.
package final class Captioner: Sendable {
    /// Most words, or parts of them, of a description.
    package static let mostWords = 48

    private let vendor: String
    private let threads: Int
    private let cache: String?
    private let files: CaptionerFiles
    private let loaded = Mutex<Parts?>(nil)

    private struct Parts {
        let encoder: Network
        let decoder: Network
    }

    /// Touches nothing yet. Parameters as for `Masker`.
    package init(vendor: String, files: CaptionerFiles, threads: Int = 2, cache: String? = nil) {
        self.vendor = vendor
        self.files = files
        self.threads = threads
        self.cache = cache
    }

    /// What the picture shows. `step` is told how many words there are, and may throw to stop.
    ///
    /// Throws `.modelMissing`, `.modelBroken`, `.inferenceFailed`, `.outOfMemory`, what `step` throws.
    package func describe(
        _ picture: PixelImage, step: @Sendable (Int) throws(ImagingError) -> Void = { _ in }
    ) throws(ImagingError) -> String {
        guard (16...1_024).contains(files.side) else {
            throw ImagingError(.modelBroken, "the captioner's pictures have \(files.side) pixels a side, not 16...1024")
        }
        return try loaded.withLock { loaded throws(ImagingError) in
            let parts = if let ready = loaded { ready } else { try load() }
            loaded = parts
            return try describe(picture, parts, step)
        }
    }

    private func load() throws(ImagingError) -> Parts {
        let engine = try InferenceEngine(vendor: vendor, threads: threads, cache: cache)
        return Parts(
            encoder: try engine.network(path: files.encoder), decoder: try engine.network(path: files.decoder))
    }

    private func describe(
        _ picture: PixelImage, _ parts: Parts, _ step: @Sendable (Int) throws(ImagingError) -> Void
    ) throws(ImagingError) -> String {
        let side = files.side
        try picture.converted(to: .rgb8).resized(width: side, height: side).write(
            into: parts.encoder.input(shape: [1, 3, side, side]), width: side, height: side,
            as: Samples(
                scale: 1 / (255 * files.deviation), offset: -files.mean / files.deviation, isPlanar: true))
        try parts.encoder.run()
        let (shape, view) = try parts.encoder.output()
        let meaning = Array(view)
        var words = [files.start]
        while words.count <= Self.mostWords {
            try step(words.count - 1)
            for (index, port) in parts.decoder.inputs.enumerated() {
                switch port.name {
                case "input_ids": try parts.decoder.setInput(index, shape: [1, words.count], words.map(Double.init))
                case "encoder_hidden_states":
                    _ = try parts.decoder.input(index, shape: shape).update(fromContentsOf: meaning)
                default: throw parts.decoder.broken("has an input that is not known here, \(port)")
                }
            }
            try parts.decoder.run()
            let output = try parts.decoder.output()
            guard output.shape.count == 3, output.shape[1] == words.count, let count = output.shape.last, count > 0
            else { throw parts.decoder.broken("gives \(output.shape), not one row a word") }
            let row = output.numbers.suffix(count)
            guard let best = row.indices.max(by: { row[$0] < row[$1] }) else { break }
            let word = best - row.startIndex
            if word == files.end { break }
            words.append(word)
        }
        return files.tokenizer.decode(Array(words.dropFirst()))
    }
}
