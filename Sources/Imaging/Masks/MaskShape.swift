/// What one detection covers, before padding.
enum MaskShape {
    case box(PixelBox)
    /// One or more convex hulls over points in pixels.
    case hulls([[SIMD2<Float>]])
    /// Every pixel that is at least half sure.
    case silhouette(Patch)
}

/// A shape with the score of the detection it comes from.
struct ScoredShape {
    var shape: MaskShape
    /// 0...1.
    var score: Double
}

/// From shapes to the mask and the boxes: each detection is drawn and padded, all are united by maximum, then comes
/// the fade. In any other order padding would act on the union, or the fade would be padded.
struct MaskBuilder {
    let width: Int
    let height: Int
    /// Radius in pixels by which each shape grows (or shrinks) to every side.
    let padding: Int
    /// Reach of the fade, in pixels.
    let blur: Int

    /// Draws the shapes. What covers no pixel, before or after the padding, yields neither white nor a detection.
    func build(_ shapes: [ScoredShape]) throws(ImagingError) -> MaskResult {
        var mask = Mask(width: width, height: height)
        var detections: [Detection] = []
        for scored in shapes {
            guard let box = try draw(scored.shape, into: &mask) else { continue }
            detections.append(Detection(box: box, score: scored.score))
        }
        try mask.fade(by: blur)
        return MaskResult(mask: mask, detections: detections)
    }

    /// Adds a shape to the mask and says how far it reached before padding; nil when nothing of it is left.
    private func draw(_ shape: MaskShape, into mask: inout Mask) throws(ImagingError) -> PixelBox? {
        let around = bounds(of: shape).clamped(width: width, height: height)
        guard !around.isEmpty else { return nil }
        // COST: the shape is drawn and padded in a cut-out. It is wider than the shape by the padding and one pixel, so
        // that only the picture's own edge is an edge to the padding.
        let reach = min(abs(padding), max(width, height)) + 1
        let window = around.grown(by: reach).clamped(width: width, height: height)
        var piece = Mask(width: window.width, height: window.height)
        switch shape {
        case .box(let box):
            piece.fill(box.moved(x: -window.xMin, y: -window.yMin))
        case .hulls(let hulls):
            let origin = SIMD2(Float(window.xMin), Float(window.yMin))
            for hull in hulls { try piece.fillHull(of: hull.map { $0 - origin }) }
        case .silhouette(let patch):
            var sure = patch.values
            sure.threshold()
            try piece.merge(sure, x: patch.box.xMin - window.xMin, y: patch.box.yMin - window.yMin)
        }
        guard let extent = piece.extent?.moved(x: window.xMin, y: window.yMin) else { return nil }
        try piece.grow(by: padding)
        guard padding >= 0 || !piece.isBlack else { return nil }
        try mask.merge(piece, x: window.xMin, y: window.yMin)
        return extent
    }

    private func bounds(of shape: MaskShape) -> PixelBox {
        switch shape {
        case .box(let box): return box
        case .silhouette(let patch): return patch.box
        case .hulls(let hulls):
            var low = SIMD2<Float>(repeating: .infinity)
            var high = -low
            for point in hulls.joined() {
                low = pointwiseMin(low, point)
                high = pointwiseMax(high, point)
            }
            guard low.x <= high.x else { return PixelBox(xMin: 0, yMin: 0, xMax: 0, yMax: 0) }
            return PixelBox(from: low - 1, to: high + 2)
        }
    }
}

extension PixelBox {
    /// The box whose edges are nearest to these points; far ends are cut to ±1,000,000 pixels.
    init(from low: SIMD2<Float>, to high: SIMD2<Float>) {
        func whole(_ value: Float) -> Int {
            value.isFinite ? Int(min(max(value.rounded(), -1_000_000), 1_000_000)) : 0
        }
        self.init(xMin: whole(low.x), yMin: whole(low.y), xMax: whole(high.x), yMax: whole(high.y))
    }

    func moved(x: Int, y: Int) -> PixelBox {
        PixelBox(xMin: xMin + x, yMin: yMin + y, xMax: xMax + x, yMax: yMax + y)
    }
}
