import COpenCV

/// How much of each pixel belongs to what is in front, found without a model of the user's, and refined.
extension PixelImage {
    /// Longest side of the picture that GrabCut looks at. COST: at 480 pixels its five rounds take a third of a second.
    private static let grabCutSide = 480
    /// Longest side at which the guided filter is fitted and mattes are solved. COST: 80 MB, whatever the picture's size.
    private static let guideSide = 1_024
    private static let matteSide = 640

    /// What stands out from the picture's edge, by GrabCut (Rother, Kolmogorov, Blake 2004): a band along the edge, 4 % of
    /// the shorter side, is background for certain. Nil when nothing stands out. 255 is in front.
    ///
    /// Throws `.outOfMemory`.
    package func standingOut() throws(ImagingError) -> Mask? {
        let scale = min(1, Double(Self.grabCutSide) / Double(max(width, height)))
        let (smallWidth, smallHeight) = (max(1, Int(Double(width) * scale)), max(1, Int(Double(height) * scale)))
        let band = max(2, min(smallWidth, smallHeight) / 25)
        guard smallWidth > 4 * band, smallHeight > 4 * band else { return nil }
        let small = try converted(to: .rgb8).resized(width: smallWidth, height: smallHeight)
        var labels = [UInt8](repeating: 0, count: smallWidth * smallHeight)
        for y in band..<smallHeight - band {
            for x in band..<smallWidth - band { labels[y * smallWidth + x] = 3 }
        }
        let status = labels.withUnsafeMutableBufferPointer { out in
            small.bytes.withUnsafeBufferPointer { pixels in
                ccv_grabcut(pixels.baseAddress!, Int32(smallWidth), Int32(smallHeight), out.baseAddress!, 5)
            }
        }
        guard status == 0 else { throw ImagingError(.outOfMemory, "no memory for this picture; send a smaller one") }
        let front = labels.map { $0 & 1 == 1 ? UInt8(255) : 0 }
        let inside = (smallWidth - 2 * band) * (smallHeight - 2 * band)
        let found = front.count { $0 == 255 }
        guard found > inside / 200, found < inside - inside / 50 else { return nil }
        let rough = try Mask(PixelImage(unchecked: front, width: smallWidth, height: smallHeight, layout: .gray8))
        return try refined(rough, grain: 1 / scale)
    }

    /// A rough matte of any size, enlarged to the picture's, its edges moved to the picture's own: the guided filter (He,
    /// Sun, Tang 2010) near the edge, and what was certain before elsewhere.
    ///
    /// - Parameter grain: how many pixels of the picture one of the rough matte's values stands for, at least 1.
    func refined(_ rough: Mask, grain: Double) throws(ImagingError) -> Mask {
        var matte = rough
        if rough.width != width || rough.height != height {
            let (x, y) = (Double(rough.width) / Double(width), Double(rough.height) / Double(height))
            matte = try Patch(
                rough.bytes, width: rough.width, height: rough.height,
                box: PixelBox(xMin: 0, yMin: 0, xMax: width, yMax: height),
                map: [x, 0, x / 2 - 0.5, 0, y, y / 2 - 0.5]
            ).values
        }
        var (inner, outer) = (matte, matte)
        inner.threshold()
        outer.threshold()
        let band = Int((3 * grain).rounded(.up)) + 2
        try inner.grow(by: -band)
        try outer.grow(by: band)
        try guide(&matte, radius: max(2, 2 * grain))
        matte.keep(inside: outer, outside: inner)
        return matte
    }

    func guide(_ matte: inout Mask, radius: Double) throws(ImagingError) {
        let colours = layout == .gray8 ? converted(to: .rgb8) : self
        let status = matte.withBytes { values, _, _, _ in
            colours.bytes.withUnsafeBufferPointer { pixels in
                ccv_guide(
                    pixels.baseAddress!, Int32(width), Int32(height), Int32(colours.layout.channels), values, radius,
                    1e-4, Int32(Self.guideSide))
            }
        }
        guard status == 0 else { throw Mask.noMemory }
    }

    /// Alpha solved from a matte: what is brighter than `front` or darker than `back`, less `erosion` pixels at its edge,
    /// is certain; the rest is solved for (Levin, Lischinski, Weiss 2008).
    func solved(_ matte: Mask, front: UInt8, back: UInt8, erosion: Int) throws(ImagingError) -> Mask {
        var sure = matte
        sure.threshold(at: front == 255 ? 255 : front + 1)
        var possible = matte
        possible.threshold(at: max(back, 1))
        try sure.grow(by: -erosion)
        try possible.grow(by: erosion)
        var trimap = matte
        trimap.clampUncertain()
        trimap.keep(inside: possible, outside: sure)

        let scale = min(1, Double(Self.matteSide) / Double(max(width, height)))
        guard scale < 1 else { return try solve(trimap) }
        let (smallWidth, smallHeight) = (max(1, Int(Double(width) * scale)), max(1, Int(Double(height) * scale)))
        let small = try Mask(trimap.image.resized(width: smallWidth, height: smallHeight))
        let alpha = try resized(width: smallWidth, height: smallHeight).solve(small)
        var refined = try refined(alpha, grain: 1 / scale)
        refined.keep(inside: possible, outside: sure)
        return refined
    }

    private func solve(_ trimap: Mask) throws(ImagingError) -> Mask {
        let colours = layout == .gray8 ? converted(to: .rgb8) : self
        var alpha = trimap
        let status = alpha.withBytes { values, _, _, _ in
            colours.bytes.withUnsafeBufferPointer { pixels in
                ccv_matte(
                    pixels.baseAddress!, Int32(width), Int32(height), Int32(colours.layout.channels), values, 1, 300)
            }
        }
        guard status == 0 else { throw Mask.noMemory }
        return alpha
    }
}

extension Mask {
    /// Black where `outer` is, white where `inner` is.
    fileprivate mutating func keep(inside outer: Mask, outside inner: Mask) {
        withBytes { values, width, height, _ in
            for i in 0..<Int(width) * Int(height) {
                if outer.bytes[i] == 0 { values[i] = 0 }
                if inner.bytes[i] == 255 { values[i] = 255 }
            }
        }
    }

    /// So that nothing is certain any more.
    fileprivate mutating func clampUncertain() {
        withBytes { values, width, height, _ in
            for i in 0..<Int(width) * Int(height) { values[i] = min(max(values[i], 1), 254) }
        }
    }

    /// Without specks, its edge smooth and hard.
    mutating func tidy() throws(ImagingError) {
        guard withBytes({ values, width, height, _ in ccv_tidy(values, width, height) }) == 0 else {
            throw Self.noMemory
        }
    }
}

extension Masker {
    /// The people in a picture, their edges moved to the picture's own. Nil when there are none. 255 is in front.
    ///
    /// Throws what `prepare` throws, `.inferenceFailed`, `.outOfMemory`.
    package func peopleStandingOut(in picture: PixelImage) throws(ImagingError) -> Mask? {
        let colour = picture.layout == .gray8 ? picture.converted(to: .rgb8) : picture
        guard let found = try people(in: colour) else { return nil }
        return try colour.refined(found.alpha, grain: max(1, found.grain))
    }
}
