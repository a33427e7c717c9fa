import Glibc

/// A user's own detector or segmenter in the layout that YOLOv8 exports to ONNX: a picture of 3 × side × side in; out come
/// for every candidate its centre and size in pixels of that picture, a score a class and, when it segments, weights for
/// the planes of the second output. Only the first class counts: it is the one the model is named after.
///
/// The decoding is written from the published description of the format; no code or weights of others are used.
final class YOLODetector {
    /// Sides that a model with free ones is run at.
    private static let usualSide = 640
    /// Most candidates that are compared with each other.
    private static let mostCandidates = 1_000

    private let network: Network
    private let side: Int

    /// Throws `.modelBroken` when the input is not that of such a model.
    init(_ network: Network) throws(ImagingError) {
        guard network.inputs.count == 1, let shape = network.inputs[0].shape, shape.count == 4,
            shape[1] == 3 || shape[1] < 0, shape[2] == shape[3], shape[2] < 0 || (32...2_048).contains(shape[2])
        else { throw network.broken("takes \(network.inputs) where a YOLO model takes 1×3×640×640") }
        self.network = network
        side = shape[2] < 0 ? Self.usualSide : shape[2]
    }

    private struct Candidate {
        var score: Float
        var low: SIMD2<Float>
        var high: SIMD2<Float>
        var weights: [Float]

        func overlap(_ other: Candidate) -> Float {
            let shared = pointwiseMax(pointwiseMin(high, other.high) - pointwiseMax(low, other.low), .zero)
            let both = shared.x * shared.y
            let (mine, others) = (high - low, other.high - other.low)
            let union = mine.x * mine.y + others.x * others.y - both
            return union > 0 ? both / union : 0
        }
    }

    /// What there is with at least this score, best first, at most `most`: silhouettes when the model segments, else boxes.
    func shapes(in picture: PixelImage, confidence: Float, most: Int) throws(ImagingError) -> [ScoredShape] {
        // The picture in the middle of the square, grey around it.
        let scale = Double(max(picture.width, picture.height)) / Double(side)
        let left = (Double(side) - Double(picture.width) / scale) / 2
        let top = (Double(side) - Double(picture.height) / scale) / 2
        // Pixel centres on pixel centres, as resizing does it.
        let shift = 0.5 * scale - 0.5
        try picture.write(
            into: network.input(shape: [1, 3, side, side]), width: side, height: side,
            map: [scale, 0, shift - left * scale, 0, scale, shift - top * scale], as: .unit, border: .grey(114))
        try network.run()

        var planes: (shape: [Int], numbers: UnsafeBufferPointer<Float>)?
        var table: (shape: [Int], numbers: UnsafeBufferPointer<Float>)?
        for index in network.outputs.indices {
            let output = try network.output(index)
            if output.shape.count == 4, output.shape[1] <= 64 { planes = output }
            if output.shape.count == 3 { table = output }
        }
        guard let table, table.shape[0] == 1 else {
            throw network.broken("gives no table of candidates (1×5×8400 or wider)")
        }
        let weights = planes?.shape[1] ?? 0
        let (rows, columns) = (table.shape[1], table.shape[2])
        guard rows >= 5 + weights, rows < columns else {
            throw network.broken(
                "gives a table of \(rows)×\(columns), not one column a candidate; export it without its own suppression"
            )
        }
        let candidates = Self.candidates(
            table.numbers, rows: rows, columns: columns, weights: weights, confidence: confidence)
        return try Self.apart(candidates, most: most).map { found throws(ImagingError) in
            func place(_ point: SIMD2<Float>) -> SIMD2<Float> {
                SIMD2(Float((Double(point.x) - left) * scale), Float((Double(point.y) - top) * scale))
            }
            let box = PixelBox(from: place(found.low), to: place(found.high))
                .clamped(width: picture.width, height: picture.height)
            guard let planes, !box.isEmpty else {
                return ScoredShape(shape: .box(box), score: Double(found.score))
            }
            let (height, width) = (planes.shape[2], planes.shape[3])
            let likely = Self.combine(planes.numbers, by: found.weights, count: width * height)
            // From a pixel of the box to the square, and from there to the planes, which are smaller.
            let ratio = Double(width) / Double(side)
            func start(_ at: Int, _ bar: Double) -> Double { ((Double(at) + 0.5) / scale + bar) * ratio - 0.5 }
            let patch = try Patch(
                likely, width: width, height: height, box: box,
                map: [ratio / scale, 0, start(box.xMin, left), 0, ratio / scale, start(box.yMin, top)])
            return ScoredShape(shape: .silhouette(patch), score: Double(found.score))
        }
    }

    private static func candidates(
        _ table: UnsafeBufferPointer<Float>, rows: Int, columns: Int, weights: Int, confidence: Float
    ) -> [Candidate] {
        var found: [Candidate] = []
        for column in 0..<columns {
            func value(_ row: Int) -> Float { table[row * columns + column] }
            let score = value(4)
            guard score >= confidence, score <= 1 else { continue }
            let (center, size) = (SIMD2(value(0), value(1)), SIMD2(value(2), value(3)))
            guard center.x.isFinite, center.y.isFinite, size.x > 0, size.y > 0, size.x.isFinite, size.y.isFinite
            else { continue }
            found.append(
                Candidate(
                    score: score, low: center - size / 2, high: center + size / 2,
                    weights: (rows - weights..<rows).map(value)))
        }
        return found
    }

    /// Without those that overlap a better one by more than 0.7.
    private static func apart(_ candidates: [Candidate], most: Int) -> [Candidate] {
        let sorted = candidates.enumerated().sorted { a, b in
            a.element.score != b.element.score ? a.element.score > b.element.score : a.offset < b.offset
        }
        var kept: [Candidate] = []
        for (_, candidate) in sorted.prefix(mostCandidates)
        where kept.allSatisfy({ $0.overlap(candidate) <= 0.7 }) {
            kept.append(candidate)
            if kept.count == most { break }
        }
        return kept
    }

    /// How likely each place of the planes shows the thing, 0...255.
    private static func combine(_ planes: UnsafeBufferPointer<Float>, by weights: [Float], count: Int) -> [UInt8] {
        var sums = [Float](repeating: 0, count: count)
        for (number, weight) in weights.enumerated() {
            let start = number * count
            for i in 0..<count { sums[i] += weight * planes[start + i] }
        }
        return sums.map { $0.isFinite ? UInt8(255 / (1 + expf(-min(max($0, -50), 50))) + 0.5) : 0 }
    }
}
