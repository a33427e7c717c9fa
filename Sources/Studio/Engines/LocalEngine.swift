import Imaging

/// The models on this machine. Libraries and models are loaded with the first call that needs them and stay loaded.
package final class LocalEngine: ImageEngine {
    private let vendor: String
    private let masker: FaceMasker

    /// - Parameter vendor: the folder that `scripts/setup` fills with the library and the models.
    package init(vendor: String) {
        self.vendor = vendor
        masker = FaceMasker(vendor: vendor)
    }

    package let name = "local"

    package func mask(_ picture: PixelImage, _ request: MaskRequest) throws(StudioError) -> MaskResult {
        do throws(ImagingError) {
            return try masker.mask(picture, request)
        } catch {
            throw StudioError(imaging: error)
        }
    }

    package func shortcoming() -> String? {
        if Files.canonical(vendor) == nil {
            return "there is no folder \(quoted(vendor, limit: 200)) with OpenVINO and the models; run scripts/setup, or name the folder with --models FOLDER or SLUICE_VENDOR"
        }
        return nil
    }
}

extension StudioError {
    /// What an error of pixels, files of pictures or models means to an agent.
    package init(imaging error: ImagingError) {
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
