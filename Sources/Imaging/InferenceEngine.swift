import COpenVINO
import Glibc

/// OpenVINO on the processor, opened from the folder that scripts/setup fills.
///
/// Confined to one thread at a time, and so are its networks: `FaceMasker` keeps them behind its lock. The library
/// is never unloaded; engines made later share it.
package final class InferenceEngine {
    private let handle: OpaquePointer
    private let models: String
    private let threads: Int

    /// Opens the library in `vendor`/openvino; models are looked for in `vendor`/mediapipe.
    ///
    /// - Parameters:
    ///   - vendor: the folder that scripts/setup fills.
    ///   - threads: processor threads a model may use, 1...64.
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
                "the inference library \(library) is missing or unreadable; run scripts/setup, it fetches it")
        }
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard let handle = text.lend({ cov_open(library, cache, $0) }) else {
            throw ImagingError(
                .libraryBroken, "the inference library \(library) \(text.string); run scripts/fetch-models --force")
        }
        self.handle = handle
        self.threads = threads
        models = Self.models(in: vendor)
    }

    static func library(in vendor: String) -> String { "\(vendor)/openvino/libopenvino_c.so" }
    static func models(in vendor: String) -> String { "\(vendor)/mediapipe" }

    /// Reads and compiles a model by its file name; takes some hundredths of a second.
    ///
    /// Throws `.modelMissing`, `.modelBroken`.
    func network(_ file: String, inputs: Int) throws(ImagingError) -> Network {
        let path = "\(models)/\(file)"
        guard access(path, R_OK) == 0 else {
            throw ImagingError(
                .modelMissing, "the model file \(path) is missing or unreadable; run scripts/setup, it fetches it")
        }
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard let handle = text.lend({ cov_compile(handle, path, Int32(threads), $0) }) else {
            throw ImagingError(.modelBroken, "the model \(path) \(text.string); run scripts/fetch-models --force")
        }
        return try Network(handle, path: path, inputs: inputs)
    }
}

/// A compiled model with one input of floats. Confined to one thread at a time.
final class Network {
    private let handle: OpaquePointer
    private let path: String
    /// Where the input goes before `run`.
    let input: UnsafeMutableBufferPointer<Float>

    fileprivate init(_ handle: OpaquePointer, path: String, inputs: Int) throws(ImagingError) {
        self.handle = handle
        self.path = path
        var data: UnsafeMutablePointer<Float>?
        var count = 0
        var text = ErrorText(capacity: Int(COV_TEXT))
        let status = text.lend { cov_input(handle, &data, &count, $0) }
        guard status == 0, let data, count == inputs else {
            let reason = status == 0 ? "takes \(count) numbers instead of \(inputs)" : text.string
            cov_close(handle)
            throw ImagingError(.modelBroken, "the model \(path) \(reason); run scripts/fetch-models --force")
        }
        input = UnsafeMutableBufferPointer(start: data, count: count)
    }

    deinit {
        cov_close(handle)
    }

    /// Runs the model over its input. Throws `.inferenceFailed`.
    func run() throws(ImagingError) {
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard text.lend({ cov_infer(handle, $0) }) == 0 else {
            throw ImagingError(.inferenceFailed, "the model \(path) \(text.string)")
        }
    }

    /// The output with exactly this many numbers, valid until the next `run`. Throws `.modelBroken`.
    func output(_ count: Int) throws(ImagingError) -> UnsafeBufferPointer<Float> {
        var data: UnsafePointer<Float>?
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard text.lend({ cov_output(handle, count, &data, $0) }) == 0, let data else {
            throw ImagingError(.modelBroken, "the model \(path) \(text.string); run scripts/fetch-models --force")
        }
        return UnsafeBufferPointer(start: data, count: count)
    }
}
