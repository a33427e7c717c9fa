import Glibc

/// A face that a detector found, in pixels of the picture.
struct Face {
    /// 0...1.
    var score: Float
    var low: SIMD2<Float>
    var high: SIMD2<Float>
    /// The subject's right eye, left eye, nose tip, mouth, right ear, left ear.
    var keypoints: [SIMD2<Float>]
}

/// MediaPipe's BlazeFace. SPEC: mediapipe 0.10.21, modules/face_detection (Apache License 2.0): the options below and
/// the order of the steps are those of its graphs FaceDetectionShortRange and FaceDetectionFullRange.
final class FaceDetector {
    enum Range: Sendable {
        /// Faces up to about 2 m away.
        case short
        /// Faces up to about 5 m away.
        case full

        var file: String {
            switch self {
            case .short: "face_detection_short_range.tflite"
            case .full: "face_detection_full_range_sparse.tflite"
            }
        }

        /// Side of the model's input, in pixels.
        var size: Int {
            switch self {
            case .short: 128
            case .full: 192
            }
        }

        /// The least score at which a box alone is worth showing, whatever the caller would be content with. SPEC:
        /// min_score_thresh of the graphs, which MediaPipe 0.10.21 does not let callers lower: below, cats and coffee
        /// cups are faces. The mesh needs no floor, it looks twice.
        var floor: Float {
            switch self {
            case .short: 0.5
            case .full: 0.6
            }
        }

        /// Where the model's candidates are centred, 0...1.
        ///
        /// The SSD scheme lays a grid over the picture for every run of layers of one stride; each layer contributes
        /// one anchor for its aspect ratio 1 and, where the graph interpolates scales, a second. The anchors' own size
        /// does not matter: with `fixed_anchor_size` it is 1.
        var anchors: [SIMD2<Float>] {
            let grids: [(stride: Int, perCell: Int)] =
                switch self {
                case .short: [(8, 2), (16, 6)]
                case .full: [(4, 1)]
                }
            var anchors: [SIMD2<Float>] = []
            for grid in grids {
                let cells = (size + grid.stride - 1) / grid.stride
                for y in 0..<cells {
                    for x in 0..<cells {
                        let center = (SIMD2(Float(x), Float(y)) + 0.5) / Float(cells)
                        anchors.append(contentsOf: repeatElement(center, count: grid.perCell))
                    }
                }
            }
            return anchors
        }
    }

    /// Numbers a candidate has: centre, size, six points.
    private static let stride = 16

    private let range: Range
    private let network: Network
    private let anchors: [SIMD2<Float>]

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(_ engine: InferenceEngine, _ range: Range) throws(ImagingError) {
        self.range = range
        anchors = range.anchors
        network = try engine.network(range.file, inputs: range.size * range.size * 3)
    }

    /// The faces with at least this score, best first, at most `most`.
    func faces(in picture: PixelImage, confidence: Float, most: Int) throws(ImagingError) -> [Face] {
        let region = Region(around: picture)
        try region.sample(picture, size: range.size, range: -1...1, border: .black, into: network.input)
        try network.run()
        var candidates: [Face] = []
        let logits = try network.output(anchors.count)
        let kept = logits.indices.filter { Self.sigmoid(logits[$0]) >= confidence }
        guard !kept.isEmpty else { return [] }
        let scores = kept.map { Self.sigmoid(logits[$0]) }
        let boxes = try network.output(anchors.count * Self.stride)
        for (index, score) in zip(kept, scores) {
            let raw = boxes[index * Self.stride..<(index + 1) * Self.stride]
            guard let face = decode(raw, at: anchors[index], score: score) else { continue }
            candidates.append(face)
        }
        return Self.merge(candidates).prefix(most).map { face in
            Face(
                score: face.score, low: region.project(face.low), high: region.project(face.high),
                keypoints: face.keypoints.map(region.project))
        }
    }

    /// A candidate in 0...1 of the letterboxed square; nil for a box turned inside out and for what is no number.
    private func decode(_ raw: Slice<UnsafeBufferPointer<Float>>, at anchor: SIMD2<Float>, score: Float) -> Face? {
        guard raw.allSatisfy(\.isFinite) else { return nil }
        let first = raw.startIndex
        func pair(_ at: Int) -> SIMD2<Float> { SIMD2(raw[first + at], raw[first + at + 1]) / Float(range.size) }
        let center = pair(0) + anchor
        let size = pair(2)
        guard size.x >= 0, size.y >= 0 else { return nil }
        return Face(
            score: score, low: center - size / 2, high: center + size / 2,
            keypoints: (0..<6).map { pair(4 + 2 * $0) + anchor })
    }

    /// SPEC: score_clipping_thresh 100.
    private static func sigmoid(_ logit: Float) -> Float {
        1 / (1 + expf(-min(max(logit, -100), 100)))
    }

    /// Weighted non-maximum suppression: boxes that overlap the best one by more than 0.3 are averaged with it, each by
    /// its score, and are gone; then the same with the rest.
    static func merge(_ candidates: [Face]) -> [Face] {
        // Equal scores keep their order, so that the outcome is the same everywhere.
        var rest = candidates.enumerated().sorted { a, b in
            a.element.score != b.element.score ? a.element.score > b.element.score : a.offset < b.offset
        }.map(\.element)
        var merged: [Face] = []
        while let best = rest.first {
            let group = rest.filter { overlap($0, best) > 0.3 }
            guard !group.isEmpty else {
                // A box without area overlaps nothing, itself included; MediaPipe keeps it, but it covers no pixel.
                rest.removeFirst()
                continue
            }
            rest.removeAll { overlap($0, best) > 0.3 }
            var sum = Face(score: best.score, low: .zero, high: .zero, keypoints: best.keypoints.map { _ in .zero })
            let total = group.reduce(0) { $0 + $1.score }
            for face in group {
                let weight = face.score / total
                sum.low += face.low * weight
                sum.high += face.high * weight
                for i in sum.keypoints.indices { sum.keypoints[i] += face.keypoints[i] * weight }
            }
            merged.append(sum)
        }
        return merged
    }

    /// Intersection over union, 0...1.
    static func overlap(_ a: Face, _ b: Face) -> Float {
        let shared = pointwiseMax(pointwiseMin(a.high, b.high) - pointwiseMax(a.low, b.low), .zero)
        let both = shared.x * shared.y
        let (sizeA, sizeB) = (a.high - a.low, b.high - b.low)
        let union = sizeA.x * sizeA.y + sizeB.x * sizeB.y - both
        return union > 0 ? both / union : 0
    }
}
