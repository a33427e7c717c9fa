import COpenCV

extension PixelImage {
    /// What the thresholds of `edges` may be.
    package static let edgeThresholds = 0.0...1_000.0

    /// The picture's edges as white lines on black, grey: J. Canny, A computational approach to edge detection (1986), with
    /// |gx| + |gy| as the strength and without blurring first, as OpenCV does it. Lines start above `high` and go on
    /// above `low`.
    ///
    /// Throws `.invalidArgument` when the thresholds lie outside 0...1000 or `low` is not below `high`; `.outOfMemory`.
    package func edges(low: Double = 100, high: Double = 200) throws(ImagingError) -> PixelImage {
        guard Self.edgeThresholds.contains(low), Self.edgeThresholds.contains(high), low < high else {
            throw ImagingError(
                .invalidArgument,
                "the lower threshold must lie below the upper one, both in 0...1000, not \(low) and \(high)")
        }
        let grey = converted(to: .gray8)
        var lines = [UInt8](repeating: 0, count: width * height)
        let status = lines.withUnsafeMutableBufferPointer { out in
            grey.bytes.withUnsafeBufferPointer { source in
                ccv_canny(source.baseAddress!, Int32(width), Int32(height), low, high, out.baseAddress!)
            }
        }
        guard status == 0 else { throw ImagingError(.outOfMemory, "no memory for this picture; send a smaller one") }
        return PixelImage(unchecked: lines, width: width, height: height, layout: .gray8)
    }
}
