/// The tasks of Runware's API behind our operations, in the dialect that the original server speaks. The service still takes
/// it, and has two newer ones; the choice is made here and nowhere else.
enum RunwareTask {
    /// `taskType` on the wire; nil for what the service does not do.
    static func name(_ operation: Operation) -> String? {
        switch operation {
        case .imageInference: "imageInference"
        case .photoMaker: "photoMaker"
        case .upscale: "imageUpscale"
        case .removeBackground: "imageBackgroundRemoval"
        case .caption: "imageCaption"
        case .masking: "imageMasking"
        case .modelSearch: "modelSearch"
        case .video: "videoInference"
        case .generate, .editImage, .inpaint, .control, .controlMap: nil
        }
    }

    /// The service takes any model of the form `provider:model@version`, ours excepted.
    static func serves(_ operation: Operation, _ model: String?) -> Bool {
        guard name(operation) != nil else { return false }
        return model.map { ModelID.isWellFormed($0) && !$0.hasPrefix("local:") } ?? true
    }
}
