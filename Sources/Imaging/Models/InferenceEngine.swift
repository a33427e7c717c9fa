import COpenVINO
import Glibc

/// OpenVINO on the processor, opened from the folder that scripts/setup fills.
///
/// Confined to one thread at a time, and so are its networks: their owners keep them behind a lock. The library is never
/// unloaded; engines made later share it.
package final class InferenceEngine {
    private let handle: OpaquePointer
    private let models: String
    private let threads: Int

    /// Opens the library in `vendor`/openvino; models are looked for in `vendor`/mediapipe.
    ///
    /// - Parameters:
    ///   - vendor: the folder that scripts/setup fills.
    ///   - threads: processor threads a model may use at most, 1...64.
    ///   - cache: a folder in which OpenVINO keeps compiled models for the next start; nil keeps none.
    ///
    /// Throws `.libraryMissing`, `.libraryBroken`, `.invalidArgument`.
    package init(vendor: String, threads: Int = 1, cache: String? = nil) throws(ImagingError) {
        guard (1...64).contains(threads) else {
            throw ImagingError(.invalidArgument, "models run on 1...64 threads, not on \(threads)")
        }
        let library = Self.library(in: vendor)
        guard access(library, R_OK) == 0 else {
            throw ImagingError(
                .libraryMissing,
                "the inference library \(shown(library)) is missing or unreadable; run scripts/setup, it fetches it")
        }
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard let handle = text.lend({ cov_open(library, cache, $0) }) else {
            throw ImagingError(
                .libraryBroken,
                "the inference library \(shown(library)) \(text.string.replacing("\(vendor)/", with: "")); run scripts/fetch-models --force"
            )
        }
        self.handle = handle
        self.threads = threads
        models = Self.models(in: vendor)
    }

    deinit {
        cov_shut(handle)
    }

    static func library(in vendor: String) -> String { "\(vendor)/openvino/libopenvino_c.so" }
    static func models(in vendor: String) -> String { "\(vendor)/mediapipe" }

    /// Reads and compiles one of MediaPipe's models by its file name; takes some hundredths of a second.
    ///
    /// - Parameters:
    ///   - file: the name in `vendor`/mediapipe.
    ///   - input: the shape of its only input.
    ///   - isSmall: whether it is done before a second thread could help.
    ///
    /// Throws `.modelMissing`, `.modelBroken`.
    func network(_ file: String, input: [Int], isSmall: Bool) throws(ImagingError) -> Network {
        let network = try compiled("\(models)/\(file)", origin: .vendor, threads: isSmall ? 1 : threads)
        guard network.inputs.count == 1, network.inputs[0].shape == input else {
            throw network.broken("is another model than expected: it takes \(network.inputs), not \(input) numbers")
        }
        return network
    }

    /// Reads and compiles a model that the user brought: ONNX, OpenVINO's own (`.xml` beside `.bin`), TensorFlow Lite.
    ///
    /// Throws `.modelMissing`, `.modelBroken`.
    func network(path: String) throws(ImagingError) -> Network {
        try compiled(path, origin: .user, threads: threads)
    }

    private func compiled(
        _ path: String, origin: Network.Origin, threads: Int
    ) throws(ImagingError) -> Network {
        guard access(path, R_OK) == 0 else {
            throw ImagingError(
                .modelMissing, "the model file \(shown(path)) is missing or unreadable; \(origin.supply)")
        }
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard let network = text.lend({ cov_compile(handle, path, Int32(threads), $0) }) else {
            throw ImagingError(
                .modelBroken,
                "the model \(shown(path)) \(text.string.replacing(path, with: shown(path))); \(origin.mend)")
        }
        return try Network(network, of: self, path: path, origin: origin)
    }
}
