import COpenCV

/// How a part of a picture is made up from what surrounds it, without a model.
package enum FillMethod: String, Sendable, CaseIterable {
    /// A. Telea: An image inpainting technique based on the fast marching method (2004).
    case telea
    /// M. Bertalmio, A. Bertozzi, G. Sapiro: Navier-Stokes, fluid dynamics, and image and video inpainting (2001).
    case navierStokes
}

extension PixelImage {
    /// Most pixels that are made up. COST: at a radius of 5, Telea's method takes about 2 µs a pixel.
    package static let mostFilled = 4_000_000
    /// How far a made-up pixel looks, in pixels.
    package static let fillRadii = 1.0...50.0

    /// The picture with what the mask shows made up from around it. Where the mask is grey, old and new are mixed.
    ///
    /// Throws `.invalidArgument` when the mask has another size, covers nothing or everything, or the radius is outside
    /// `fillRadii`; `.tooLarge` above `mostFilled`; `.outOfMemory`.
    package func filled(
        _ mask: Mask, by method: FillMethod, radius: Double = 5
    ) throws(ImagingError) -> PixelImage {
        guard Self.fillRadii.contains(radius) else {
            throw ImagingError(.invalidArgument, "the radius must lie in 1...50 pixels, not \(radius)")
        }
        let box = try checkedExtent(mask)
        // Only the surroundings count, so only they are copied and searched.
        let window = box.grown(by: Int(radius) + 2).clamped(width: width, height: height)
        let part = cut(window)
        let hole = mask.cut(window)
        let holes = hole.bytes.count { $0 != 0 }
        guard holes < width * height else {
            throw ImagingError(
                .invalidArgument, "the mask covers the whole picture: nothing is left to make it up from")
        }
        guard holes <= Self.mostFilled else {
            throw ImagingError(
                .tooLarge,
                "the mask covers \(holes) pixels, at most \(Self.mostFilled) are made up; send a smaller picture")
        }
        let colours = layout == .rgba8 ? part.converted(to: .rgb8) : part
        var made = try colours.inpainted(hole, method, radius)
        if layout == .rgba8 { made = try made.with(alpha: part.alpha.inpainted(hole, method, radius)) }
        return mixed(with: made, at: window, by: hole)
    }

    /// The box around what the mask shows. Throws `.invalidArgument` when it does not fit or shows nothing.
    func checkedExtent(_ mask: Mask) throws(ImagingError) -> PixelBox {
        guard mask.width == width, mask.height == height else {
            throw ImagingError(
                .invalidArgument,
                "the mask is \(mask.width)×\(mask.height), the picture \(width)×\(height); both must have one size")
        }
        guard let box = mask.extent else {
            throw ImagingError(.invalidArgument, "the mask is all black: nothing is to be made up")
        }
        return box
    }

    private func inpainted(_ mask: Mask, _ method: FillMethod, _ radius: Double) throws(ImagingError) -> PixelImage {
        var pixels = bytes
        let status = pixels.withUnsafeMutableBufferPointer { out in
            mask.bytes.withUnsafeBufferPointer { hole in
                ccv_inpaint(
                    out.baseAddress!, Int32(width), Int32(height), Int32(layout.channels), hole.baseAddress!, radius,
                    method == .telea ? 1 : 0)
            }
        }
        guard status == 0 else {
            throw ImagingError(.outOfMemory, "no memory to fill this mask; send a smaller picture")
        }
        return PixelImage(unchecked: pixels, width: width, height: height, layout: layout)
    }

    /// The part inside a box, which must lie inside the picture and not be empty.
    func cut(_ box: PixelBox) -> PixelImage {
        let channels = layout.channels
        var part: [UInt8] = []
        part.reserveCapacity(box.width * box.height * channels)
        for y in box.yMin..<box.yMax {
            let from = (y * width + box.xMin) * channels
            part.append(contentsOf: bytes[from..<from + box.width * channels])
        }
        return PixelImage(unchecked: part, width: box.width, height: box.height, layout: layout)
    }

    /// This picture with another of the same layout laid over a part of it, as much as `share` says, 0...255.
    func mixed(with other: PixelImage, at box: PixelBox, by share: Mask) -> PixelImage {
        let channels = layout.channels
        var pixels = bytes
        pixels.withUnsafeMutableBufferPointer { out in
            other.bytes.withUnsafeBufferPointer { top in
                share.bytes.withUnsafeBufferPointer { shares in
                    for y in 0..<box.height {
                        var to = ((box.yMin + y) * width + box.xMin) * channels
                        var from = y * box.width * channels
                        for x in 0..<box.width {
                            let part = Int(shares[y * box.width + x])
                            for _ in 0..<channels {
                                let sum = Int(out[to]) * (255 - part) + Int(top[from]) * part
                                out[to] = UInt8((sum + 127) / 255)
                                to += 1
                                from += 1
                            }
                        }
                    }
                }
            }
        }
        return PixelImage(unchecked: pixels, width: width, height: height, layout: layout)
    }

    /// The alpha alone as a grey picture; all 255 where there is none.
    var alpha: PixelImage {
        let count = width * height
        var values = [UInt8](repeating: 255, count: count)
        if layout == .rgba8 {
            for i in 0..<count { values[i] = bytes[4 * i + 3] }
        }
        return PixelImage(unchecked: values, width: width, height: height, layout: .gray8)
    }

    /// The colours of this picture with the alpha of a grey one of the same size.
    func with(alpha: PixelImage) -> PixelImage {
        var pixels = converted(to: .rgba8).bytes
        for i in 0..<width * height { pixels[4 * i + 3] = alpha.bytes[i] }
        return PixelImage(unchecked: pixels, width: width, height: height, layout: .rgba8)
    }
}

/// Filling by a user's own model in LaMa's layout (Suvorov et al. 2022): colours 0...1 and the hole as 1 in; the whole
/// picture out, 0...1 or 0...255.
final class FillingModel {
    /// Longest side that a model that takes any size is given.
    private static let mostSide = 1_024
    /// Sides must be multiples of this: the model halves them three times.
    private static let step = 8

    private let network: Network

    init(_ network: Network) throws(ImagingError) {
        guard network.inputs.count == 2, network.outputs.count >= 1,
            network.inputs[0].shape?.count == 4, network.inputs[1].shape?.count == 4
        else {
            throw network.broken("takes \(network.inputs) where LaMa takes a picture of 1×3 and a mask of 1×1 planes")
        }
        self.network = network
    }

    /// The picture with what the mask shows made up by the model.
    func fill(_ picture: PixelImage, _ mask: Mask) throws(ImagingError) -> PixelImage {
        let box = try picture.checkedExtent(mask)
        let fixed = network.inputs[0].shape ?? []
        // As much around the hole as the hole is wide: what is made up must go on what is there.
        let reach = max(64, max(box.width, box.height) / 2)
        let window = box.grown(by: reach).clamped(width: picture.width, height: picture.height)
        let colours = picture.converted(to: .rgb8).cut(window)
        let hole = mask.cut(window)
        func side(_ given: Int, _ length: Int) -> Int {
            if given > 0 { return given }
            let scale = min(1, Double(Self.mostSide) / Double(max(window.width, window.height)))
            return max(Self.step, Int(Double(length) * scale) / Self.step * Self.step)
        }
        let (width, height) = (side(fixed[3], window.width), side(fixed[2], window.height))
        try colours.resized(width: width, height: height).write(
            into: network.input(0, shape: [1, 3, height, width]), width: width, height: height, as: .unit)
        let small = try hole.image.resized(width: width, height: height)
        let target = try network.input(1, shape: [1, 1, height, width])
        for i in target.indices { target[i] = small.bytes[i] > 0 ? 1 : 0 }
        try network.run()
        let count = width * height
        let planes = try network.output(0, count: 3 * count)
        // Some exports give 0...255. A picture that bright is told from one of 0...1 by its brightest number.
        let scale: Float = planes.contains { $0 > 2 } ? 1 / 255 : 1
        var pixels = [UInt8](repeating: 0, count: 3 * count)
        for i in 0..<count {
            for colour in 0..<3 { pixels[3 * i + colour] = UInt8(unit: planes[colour * count + i] * scale) }
        }
        let made = try PixelImage(unchecked: pixels, width: width, height: height, layout: .rgb8)
            .resized(width: window.width, height: window.height)
        var top = made.converted(to: picture.layout)
        if picture.layout == .rgba8 { top = made.with(alpha: picture.cut(window).alpha) }
        return picture.mixed(with: top, at: window, by: hole)
    }
}
