import Imaging

/// The models on this machine. Libraries and models are loaded with the first call that needs them and stay loaded.
final class LocalEngine: ImageEngine {
    private let masker: FaceMasker

    /// - Parameters:
    ///   - vendor: the folder that `scripts/setup` fills with the library and the models.
    ///   - cache: a folder of ours for compiled models, which spares later starts most of the loading time.
    init(vendor: String, cache: String?) {
        masker = FaceMasker(vendor: vendor, cache: cache)
    }

    let name = "local"

    func mask(_ picture: PixelImage, _ request: MaskRequest) throws(StudioError) -> MaskResult {
        do throws(ImagingError) {
            return try masker.mask(picture, request)
        } catch {
            throw StudioError(imaging: error)
        }
    }

    func shortcoming() -> String? {
        var missing: [String] = []
        for model in MaskModel.allCases {
            for path in masker.missing(model) where !missing.contains(path) { missing.append(path) }
        }
        guard !missing.isEmpty else { return nil }
        return
            "missing: \(missing.joined(separator: ", ")); run scripts/setup, or name the folder that holds them with "
            + "--models DIR or SLUICE_VENDOR"
    }
}

extension StudioError {
    /// What an error of pixels, files of pictures or models means to an agent.
    init(imaging error: ImagingError) {
        let code: Code =
            switch error.code {
            case .notAnImage, .corrupt: .invalidImage
            case .unsupported: .unsupportedImage
            case .tooManyBytes, .tooManyPixels, .tooLarge: .imageTooLarge
            case .invalidArgument: .invalidParameter
            case .libraryMissing, .libraryBroken, .modelMissing, .modelBroken: .modelNotInstalled
            case .inferenceFailed: .inferenceError
            case .outOfMemory, .encodingFailed: .internalError
            }
        self.init(code, error.message)
    }
}
