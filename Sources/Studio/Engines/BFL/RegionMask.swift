import Imaging

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
