import Imaging

extension EngineJob {
    /// The mask of an inpainting, white where to repaint: the one that was given, or the region that was named. Blocks.
    func mask(_ name: String, of picture: PixelImage) throws(StudioError) -> PixelImage {
        guard pictures[name] != nil else {
            return try RegionMask.draw(
                shape: arguments.text("mask_shape") ?? "circle", position: arguments.text("position") ?? "center",
                width: picture.width, height: picture.height)
        }
        let mask = try pixels(name, as: .gray8)
        guard mask.width == picture.width, mask.height == picture.height else {
            throw StudioError(
                .invalidParameter, parameter: name,
                "`\(name)` has \(mask.width)×\(mask.height) pixels; it must be as large as the picture, \(picture.width)×\(picture.height)"
            )
        }
        return mask
    }
}

/// The regions that Flux Studio's `inpaint` names by form and place.
enum RegionMask {
    /// White where to repaint, black elsewhere, with the original's numbers: `ground` is the lower 40 %, whatever the form;
    /// a rectangle takes the middle half of each side, a circle a quarter of the shorter side as its radius.
    static func draw(
        shape: String, position: String, width: Int, height: Int
    ) throws(StudioError) -> PixelImage {
        var bytes = [UInt8](repeating: 0, count: width * height)
        func fill(_ y: Int, _ from: Int, _ to: Int) {
            guard from < to else { return }
            for x in from..<to { bytes[y * width + x] = 255 }
        }
        for y in 0..<height {
            if position == "ground" {
                if y * 10 >= height * 6 { fill(y, 0, width) }
            } else if shape == "rectangle" {
                if y * 4 >= height, y * 4 < height * 3 { fill(y, (width + 3) / 4, (width * 3 + 3) / 4) }
            } else {
                let radius = min(width, height) / 4
                let (x, down) = (width / 2, y - height / 2)
                guard abs(down) <= radius else { continue }
                let half = Int(Double(radius * radius - down * down).squareRoot())
                fill(y, max(0, x - half), min(width, x + half + 1))
            }
        }
        do throws(ImagingError) {
            return try PixelImage(width: width, height: height, layout: .gray8, bytes: bytes)
        } catch {
            throw StudioError(imaging: error)
        }
    }
}
