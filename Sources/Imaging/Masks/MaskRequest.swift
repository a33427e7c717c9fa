/// What to mask and how. Defaults are Runware's.
package struct MaskRequest: Sendable, Equatable {
    /// Which model.
    package var model: MaskModel
    /// Least score of a detection, 0...1. For boxes MediaPipe has a floor of its own, 0.5 (short range) and 0.6 (full
    /// range); smaller values do the same as these.
    package var confidence: Double
    /// Most detections that are kept, the best ones, 1...20.
    package var maxDetections: Int
    /// Pixels by which each detection grows to every side; negative shrinks. -200...200.
    package var padding: Int
    /// Pixels by which the mask reaches out with a linear fade, 0...200.
    package var blur: Int

    /// Makes a request; values left out are Runware's defaults.
    package init(
        model: MaskModel, confidence: Double = 0.25, maxDetections: Int = 6, padding: Int = 4, blur: Int = 4
    ) {
        self.model = model
        self.confidence = confidence
        self.maxDetections = maxDetections
        self.padding = padding
        self.blur = blur
    }

    /// Scores that `confidence` may have.
    package static let confidenceRange = 0.0...1.0
    /// What `maxDetections` may be.
    package static let maxDetectionsRange = 1...20
    /// What `padding` may be, in pixels.
    package static let paddingRange = -200...200
    /// What `blur` may be, in pixels.
    package static let blurRange = 0...200

    func check() throws(ImagingError) {
        func refuse(_ name: String, _ range: String, _ value: some CustomStringConvertible) -> ImagingError {
            ImagingError(.invalidArgument, "\(name) must lie in \(range), not \(value)")
        }
        guard Self.confidenceRange.contains(confidence) else { throw refuse("confidence", "0...1", confidence) }
        guard Self.maxDetectionsRange.contains(maxDetections) else {
            throw refuse("maxDetections", "1...20", maxDetections)
        }
        guard Self.paddingRange.contains(padding) else { throw refuse("maskPadding", "-200...200", padding) }
        guard Self.blurRange.contains(blur) else { throw refuse("maskBlur", "0...200", blur) }
    }
}

/// One thing that was found.
package struct Detection: Sendable, Hashable {
    /// Where, in pixels of the picture and inside it: the box itself, or how far the shape reached before padding.
    package let box: PixelBox
    /// How sure the detector was, 0...1.
    package let score: Double

    /// Makes a detection.
    package init(box: PixelBox, score: Double) {
        self.box = box
        self.score = score
    }
}

/// A mask of the picture's size with what it is made of.
package struct MaskResult: Sendable, Equatable {
    /// All black when nothing was found.
    package let mask: Mask
    /// Best first; empty when nothing was found.
    package let detections: [Detection]

    /// Makes a result.
    package init(mask: Mask, detections: [Detection]) {
        self.mask = mask
        self.detections = detections
    }
}
