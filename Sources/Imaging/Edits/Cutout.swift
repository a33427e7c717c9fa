import COpenCV
import Glibc

/// What becomes of a picture whose background is removed. Names and defaults are those of the program rembg, which
/// Runware's are too.
package struct CutoutRequest: Sendable, Equatable {
    /// Red, green, blue, alpha of what is put behind, 0...255.
    package var background: SIMD4<UInt8> = [255, 255, 255, 0]
    /// Remove specks from the mask and make its edge smooth and hard.
    package var tidiesMask = false
    /// Give the mask itself instead of the picture.
    package var givesMask = false
    /// Solve for alpha at the edge.
    package var solvesAlpha = false
    /// What is brighter in the mask is in front for certain, 1...255.
    package var frontThreshold: UInt8 = 240
    /// What is darker in the mask is background for certain, 1...255.
    package var backThreshold: UInt8 = 10
    /// Pixels by which what is certain shrinks before alpha is solved for, 1...255.
    package var erosion = 10

    /// A request with rembg's defaults.
    package init() {}
}

extension PixelImage {
    /// The picture without what the matte says is background: RGBA, or the mask alone, grey.
    ///
    /// Throws `.invalidArgument` when the matte has another size or values lie outside their ranges, `.outOfMemory`.
    package func cutOut(_ given: Mask, _ request: CutoutRequest = CutoutRequest()) throws(ImagingError) -> PixelImage {
        guard given.width == width, given.height == height else {
            throw ImagingError(
                .invalidArgument,
                "the mask is \(given.width)×\(given.height), the picture \(width)×\(height); both must have one size")
        }
        guard request.frontThreshold > request.backThreshold, request.backThreshold > 0,
            (1...255).contains(request.erosion)
        else {
            throw ImagingError(
                .invalidArgument,
                "alphaMattingForegroundThreshold must lie above alphaMattingBackgroundThreshold, and alphaMattingErodeSize in 1...255"
            )
        }
        var matte = given
        if request.solvesAlpha {
            matte = try solved(
                given, front: request.frontThreshold, back: request.backThreshold, erosion: request.erosion)
        }
        if request.tidiesMask { try matte.tidy() }
        if request.givesMask { return matte.image }
        var pixels = converted(to: .rgba8).bytes
        for i in 0..<width * height {
            pixels[4 * i + 3] = UInt8((Int(pixels[4 * i + 3]) * Int(matte.bytes[i]) + 127) / 255)
        }
        let status = pixels.withUnsafeMutableBufferPointer { buffer in
            ccv_foreground(buffer.baseAddress!, Int32(width), Int32(height), 12, 1_024)
        }
        guard status == 0 else { throw Mask.noMemory }
        Self.lay(&pixels, over: request.background)
        return PixelImage(unchecked: pixels, width: width, height: height, layout: .rgba8)
    }

    /// Lays RGBA pixels on a colour that may be transparent itself.
    private static func lay(_ pixels: inout [UInt8], over background: SIMD4<UInt8>) {
        guard background.w > 0 else { return }
        let behind = SIMD3(Int(background.x), Int(background.y), Int(background.z))
        pixels.withUnsafeMutableBufferPointer { buffer in
            for at in stride(from: 0, to: buffer.count, by: 4) {
                // All in 255ths of 255ths; the colour of the sum is weighted by both alphas.
                let front = Int(buffer[at + 3]) * 255
                let rest = (255 - Int(buffer[at + 3])) * Int(background.w)
                let alpha = front + rest
                guard alpha > 0 else { continue }
                for colour in 0..<3 {
                    let sum = Int(buffer[at + colour]) * front + behind[colour] * rest
                    buffer[at + colour] = UInt8((sum + alpha / 2) / alpha)
                }
                buffer[at + 3] = UInt8((alpha + 127) / 255)
            }
        }
    }
}

/// A user's own model that tells what is in front.
final class MatteModel {
    /// How a model wants its picture. Which it is follows from its ports where the caller does not know.
    enum Layout: Sendable {
        /// U2-Net (Qin et al. 2020): ImageNet's mean and deviation, several outputs, the first counts.
        case u2net
        /// IS-Net (Qin et al. 2022), RMBG 1.4: colours less 0.5.
        case isnet
        /// BiRefNet (Zheng et al. 2024), RMBG 2.0: ImageNet's mean and deviation, one output, before the logistic function.
        case birefnet

        var samples: Samples {
            switch self {
            case .u2net, .birefnet: .imageNet
            case .isnet: Samples(scale: .init(repeating: 1 / 255), offset: .init(repeating: -0.5), isPlanar: true)
            }
        }
    }

    private let network: Network
    private let layout: Layout
    private let width: Int
    private let height: Int

    init(_ network: Network, _ layout: Layout?) throws(ImagingError) {
        guard network.inputs.count == 1, network.outputs.count >= 1, let shape = network.inputs[0].shape,
            shape.count == 4, shape[1] == 3 || shape[1] < 0, shape[2] <= 4_096, shape[3] <= 4_096
        else {
            throw network.broken("takes \(network.inputs) where U2-Net takes 1×3×320×320 and BiRefNet 1×3×1024×1024")
        }
        self.network = network
        let several = network.outputs.count > 1
        self.layout = layout ?? (several ? (shape[2] > 0 && shape[2] <= 512 ? .u2net : .isnet) : .birefnet)
        let usual = self.layout == .u2net ? 320 : 1_024
        height = shape[2] > 0 ? shape[2] : usual
        width = shape[3] > 0 ? shape[3] : usual
    }

    /// What is in front, of the picture's size; 255 is in front.
    func matte(_ picture: PixelImage) throws(ImagingError) -> Mask {
        let colours = picture.converted(to: .rgb8)
        try colours.resized(width: width, height: height).write(
            into: network.input(shape: [1, 3, height, width]), width: width, height: height, as: layout.samples)
        try network.run()
        let output = try network.output()
        guard output.shape.count == 4 || output.shape.count == 3, let outWidth = output.shape.last,
            let outHeight = output.shape.dropLast().last, output.numbers.count == outWidth * outHeight, outWidth > 0
        else { throw network.broken("gives \(output.shape), not one value a pixel") }
        var values = output.numbers.map { $0.isFinite ? $0 : 0 }
        // Beyond 0...1 they are what the logistic function is yet to be applied to.
        if values.contains(where: { $0 < -0.01 || $0 > 1.01 }) { values = values.map(Self.logistic) }
        // As rembg does: the least becomes 0 and the most 1, but not where there is next to nothing between them.
        let (low, high) = (values.min() ?? 0, values.max() ?? 0)
        if high - low > 0.05 { values = values.map { ($0 - low) / (high - low) } }
        let rough = try Mask(
            PixelImage(
                unchecked: values.map { UInt8(unit: $0) }, width: outWidth, height: outHeight, layout: .gray8))
        let grain = Double(max(picture.width, picture.height)) / Double(max(outWidth, outHeight))
        return try colours.refined(rough, grain: max(1, grain))
    }
}

extension MatteModel {
    private static func logistic(_ value: Float) -> Float { 1 / (1 + expf(-min(max(value, -50), 50))) }
}
