import Glibc

/// Something that a detector found, in pixels of the picture.
struct Sighting {
    /// 0...1.
    var score: Float
    var low: SIMD2<Float>
    var high: SIMD2<Float>
    /// The model's points, in its own order.
    var keypoints: [SIMD2<Float>]
}

/// MediaPipe's single-shot detectors (BlazeFace, BlazePalm, BlazePose). SPEC: mediapipe 0.10.21, modules/face_detection,
/// palm_detection and pose_detection (Apache License 2.0): the options below and the order of the steps are those of
/// the graphs FaceDetectionShortRange, FaceDetectionFullRange, PalmDetectionCpu and PoseDetectionCpu.
final class Detector {
    /// What is looked for.
    enum Kind: Sendable, CaseIterable {
        /// Faces up to about 2 m away. Points: the subject's right eye, left eye, nose tip, mouth, right ear, left ear.
        case shortFace
        /// Faces up to about 5 m away; the same points.
        case fullFace
        /// Palms. Points: wrist, the roots of index, middle, ring and little finger, two of the thumb.
        case palm
        /// People, by face and hips. Points: middle of the hips, a point on a circle around the whole body, and the same
        /// for the upper body.
        case pose

        var file: String {
            switch self {
            case .shortFace: "face_detection_short_range.tflite"
            case .fullFace: "face_detection_full_range_sparse.tflite"
            case .palm: "palm_detection_full.tflite"
            case .pose: "pose_detection.tflite"
            }
        }

        /// Side of the model's input, in pixels.
        var size: Int {
            switch self {
            case .shortFace: 128
            case .fullFace, .palm: 192
            case .pose: 224
            }
        }

        /// COST: a second thread takes off the time that a model takes, with one 1.4 ms (short range), 4.7 (full range), 11
        /// (palms) or 13 (people): nothing, a fifth, a third, a third.
        var isSmall: Bool { self == .shortFace }

        /// What 0...255 becomes.
        var range: ClosedRange<Float> { self == .palm ? 0...1 : -1...1 }

        /// How many points a candidate has.
        var keypoints: Int {
            switch self {
            case .shortFace, .fullFace: 6
            case .palm: 7
            case .pose: 4
            }
        }

        /// The least score at which a box alone is worth showing, whatever the caller would be content with. SPEC:
        /// min_score_thresh of the graphs, which MediaPipe 0.10.21 does not let callers lower for faces: below, cats and
        /// coffee cups are faces. Mesh, hands and people need no floor, a second model looks at them.
        var floor: Float {
            switch self {
            case .shortFace: 0.5
            case .fullFace: 0.6
            case .palm, .pose: 0
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
                case .shortFace, .palm: [(8, 2), (16, 6)]
                case .fullFace: [(4, 1)]
                case .pose: [(8, 2), (16, 2), (32, 6)]
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

    private let kind: Kind
    private let network: Network
    private let anchors: [SIMD2<Float>]

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(_ engine: InferenceEngine, _ kind: Kind) throws(ImagingError) {
        self.kind = kind
        anchors = kind.anchors
        network = try engine.network(kind.file, input: [1, kind.size, kind.size, 3], isSmall: kind.isSmall)
    }

    /// What there is with at least this score, best first, at most `most`.
    ///
    /// Candidates of at least `steady` are averaged into what they overlap; weaker ones only among themselves. So a
    /// smaller `confidence` adds sightings and never moves one.
    func sightings(
        in picture: PixelImage, confidence: Float, most: Int, steady: Float = 0.25
    ) throws(ImagingError) -> [Sighting] {
        let region = Region(around: picture)
        try region.sample(
            picture, size: kind.size, range: kind.range, border: .black,
            into: network.input(shape: [1, kind.size, kind.size, 3]))
        try network.run()
        // Numbers a candidate has: centre, size, points.
        let stride = 4 + 2 * kind.keypoints
        let boxes = try network.output(0, count: anchors.count * stride)
        let logits = try network.output(1, count: anchors.count)
        var candidates: [Sighting] = []
        for (index, logit) in logits.enumerated() {
            let score = Self.sigmoid(logit)
            guard score >= min(confidence, steady) else { continue }
            let raw = boxes[index * stride..<(index + 1) * stride]
            guard let candidate = decode(raw, at: anchors[index], score: score) else { continue }
            candidates.append(candidate)
        }
        return Self.merge(candidates, steady: steady).filter { $0.score >= confidence }.prefix(most).map { found in
            Sighting(
                score: found.score, low: region.project(found.low), high: region.project(found.high),
                keypoints: found.keypoints.map(region.project))
        }
    }

    /// A candidate in 0...1 of the letterboxed square; nil for a box turned inside out and for what is no number.
    private func decode(
        _ raw: Slice<UnsafeBufferPointer<Float>>, at anchor: SIMD2<Float>, score: Float
    ) -> Sighting? {
        guard raw.allSatisfy(\.isFinite) else { return nil }
        let first = raw.startIndex
        func pair(_ at: Int) -> SIMD2<Float> { SIMD2(raw[first + at], raw[first + at + 1]) / Float(kind.size) }
        let center = pair(0) + anchor
        let size = pair(2)
        guard size.x >= 0, size.y >= 0 else { return nil }
        return Sighting(
            score: score, low: center - size / 2, high: center + size / 2,
            keypoints: (0..<kind.keypoints).map { pair(4 + 2 * $0) + anchor })
    }

    /// SPEC: score_clipping_thresh 100.
    private static func sigmoid(_ logit: Float) -> Float {
        1 / (1 + expf(-min(max(logit, -100), 100)))
    }

    /// Weighted non-maximum suppression: boxes that overlap the best one by more than 0.3 are averaged with it, each by
    /// its score, and are gone; then the same with the rest. A best one of at least `steady` is averaged only with such.
    static func merge(_ candidates: [Sighting], steady: Float = 0) -> [Sighting] {
        // Equal scores keep their order, so that the outcome is the same everywhere.
        var rest = candidates.enumerated().sorted { a, b in
            a.element.score != b.element.score ? a.element.score > b.element.score : a.offset < b.offset
        }.map(\.element)
        var merged: [Sighting] = []
        while let best = rest.first {
            let least = best.score >= steady ? steady : 0
            let group = rest.filter { $0.score >= least && overlap($0, best) > 0.3 }
            guard !group.isEmpty else {
                // A box without area overlaps nothing, itself included; MediaPipe keeps it, but it covers no pixel.
                rest.removeFirst()
                continue
            }
            rest.removeAll { overlap($0, best) > 0.3 }
            var sum = Sighting(score: best.score, low: .zero, high: .zero, keypoints: best.keypoints.map { _ in .zero })
            let total = group.reduce(0) { $0 + $1.score }
            for member in group {
                let weight = member.score / total
                sum.low += member.low * weight
                sum.high += member.high * weight
                for i in sum.keypoints.indices { sum.keypoints[i] += member.keypoints[i] * weight }
            }
            merged.append(sum)
        }
        return merged
    }

    /// Intersection over union, 0...1.
    static func overlap(_ a: Sighting, _ b: Sighting) -> Float {
        let shared = pointwiseMax(pointwiseMin(a.high, b.high) - pointwiseMax(a.low, b.low), .zero)
        let both = shared.x * shared.y
        let (sizeA, sizeB) = (a.high - a.low, b.high - b.low)
        let union = sizeA.x * sizeA.y + sizeB.x * sizeB.y - both
        return union > 0 ? both / union : 0
    }

    /// Without those whose surroundings are mostly those of a better one. SPEC: AssociationNormRectCalculator with
    /// min_similarity_threshold 0.5.
    static func apart(_ sightings: [Sighting], by region: (Sighting) -> Region) -> [Sighting] {
        func surroundings(_ sighting: Sighting) -> Sighting {
            let region = region(sighting)
            return Sighting(
                score: sighting.score, low: region.center - region.side / 2, high: region.center + region.side / 2,
                keypoints: [])
        }
        var kept: [Sighting] = []
        for sighting in sightings
        where kept.allSatisfy({ overlap(surroundings($0), surroundings(sighting)) <= 0.5 }) {
            kept.append(sighting)
        }
        return kept
    }
}
