import Imaging
import Support
import Testing

@Suite struct CodecTests {
    @Test(arguments: PixelImage.Layout.allCases)
    func pngIsExact(layout: PixelImage.Layout) throws {
        for (width, height) in [(1, 1), (7, 5), (300, 2), (64, 64)] {
            let picture = try Fixture.picture(width, height, layout)
            let file = try picture.encode(.png)
            #expect(ImageFormat(magic: file) == .png)
            #expect(try PixelImage.decode(file, as: layout) == picture)
        }
    }

    @Test func jpegIsNear() throws {
        for layout in [PixelImage.Layout.gray8, .rgb8] {
            let picture = try Fixture.picture(61, 43, layout)
            let fine = try picture.encode(.jpeg, quality: 95)
            let coarse = try picture.encode(.jpeg, quality: 20)
            #expect(coarse.count < fine.count)
            #expect(Fixture.meanDifference(try .decode(fine, as: layout), picture) < 2)
            #expect(Fixture.meanDifference(try .decode(coarse, as: layout), picture) < 12)
        }
    }

    /// A grey progressive picture in which all scans but the first say nothing.
    private static func progressive(_ side: Int, scans: Int) -> [UInt8] {
        let across = (side + 7) / 8
        let blocks = across * across
        func segment(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
            [0xFF, kind, UInt8((body.count + 2) >> 8), UInt8((body.count + 2) & 255)] + body
        }
        let size = [UInt8(side >> 8), UInt8(side & 255)]
        var file: [UInt8] = [0xFF, 0xD8] + segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
        file += segment(0xC2, [8] + size + size + [1, 1, 0x11, 0])
        // One code of one bit: no difference of brightness. Another: the next 2^14 blocks and more are empty.
        file += segment(0xC4, [0, 1] + [UInt8](repeating: 0, count: 15) + [0])
        file += segment(0xC4, [0x10, 1] + [UInt8](repeating: 0, count: 15) + [0xE0])
        file += segment(0xDA, [1, 1, 0, 0, 0, 0]) + [UInt8](repeating: 0, count: (blocks + 7) / 8)
        // Each run is a zero bit and fourteen bits: how many blocks more than 2^14. All are as long as can be, so the
        // last one is longer than what is left.
        var bits: [Bool] = []
        var left = blocks
        while left > 0 {
            let run = min(max(left, 1 << 14), (1 << 15) - 1)
            bits.append(false)
            for bit in (0..<14).reversed() { bits.append((run - (1 << 14)) >> bit & 1 == 1) }
            left -= run
        }
        while bits.count % 8 != 0 { bits.append(true) }
        var empty: [UInt8] = []
        for i in stride(from: 0, to: bits.count, by: 8) {
            empty.append(bits[i..<i + 8].reduce(0) { $0 << 1 | ($1 ? 1 : 0) })
            if empty.last == 0xFF { empty.append(0) }
        }
        for scan in 0..<scans - 1 {
            let first = UInt8(1 + scan / 14 % 16 * 4)
            let low = UInt8(13 - scan % 14)
            let high: UInt8 = scan % 14 == 0 ? 0 : low + 1
            file += segment(0xDA, [1, 1, 0, first, first + 2, high << 4 | low]) + empty
        }
        return file + [0xFF, 0xD9]
    }

    /// A scan of a hundred bytes is gone over pixel by pixel all the same.
    @Test func scansAreRationedByThePicturesSize() throws {
        let small = try PixelImage.decode(Self.progressive(256, scans: 60), as: .gray8)
        #expect(small.bytes.allSatisfy { $0 == 128 })
        for (side, scans) in [(256, 201), (7_000, 21), (7_000, 199), (3_000, 112)] {
            let error = #expect(throws: ImagingError.self) {
                try PixelImage.decode(Self.progressive(side, scans: scans), as: .gray8)
            }
            #expect(
                error?.message.contains("too many scans") == true, "\(side), \(scans): \(String(describing: error))")
        }
    }

    @Test func webpIsNearAndGreyExact() throws {
        let grey = try Fixture.picture(61, 43, .gray8)
        #expect(try PixelImage.decode(grey.encode(.webp), as: .gray8) == grey)
        for layout in [PixelImage.Layout.rgb8, .rgba8] {
            let picture = try Fixture.picture(61, 43, layout)
            let file = try picture.encode(.webp, quality: 95)
            #expect(try ImageProbe(file).hasAlpha == (layout == .rgba8))
            #expect(Fixture.meanDifference(try .decode(file, as: layout), picture) < 4)
        }
    }

    /// Masks become JPEG by code of our own. Below them grows what only libjpeg writes: it makes the same of the mask.
    @Test(arguments: [1, 20, 60, 80, 95, 100])
    func masksAreWrittenAsLibjpegDoes(quality: Int) throws {
        var random = SeededGenerator(seed: 5)
        for (width, height) in [(1, 8), (64, 64), (61, 200), (400, 320), (513, 8)] {
            var mask = Mask(width: width, height: height)
            for _ in 0..<2 {
                let (x, y) = (Int.random(in: 0..<width, using: &random), Int.random(in: 0..<height, using: &random))
                mask.fill(PixelBox(xMin: x, yMin: y, xMax: x + width / 4, yMax: y + height / 3))
                let corner = SIMD2(Float(x), Float(y))
                try mask.fillHull(of: [corner, corner + SIMD2(30, 11), corner + SIMD2(7, 40)])
            }
            try mask.fade(by: 4)
            let noise = (0..<width * height * 3).map { _ in UInt8.random(in: 0...255, using: &random) }
            let grown = try PixelImage(
                width: width, height: 4 * height, layout: .gray8, bytes: mask.image.bytes + noise)
            let alone = try PixelImage.decode(mask.image.encode(.jpeg, quality: quality), as: .gray8)
            let upper = try PixelImage.decode(grown.encode(.jpeg, quality: quality), as: .gray8)
            #expect(alone.bytes == Array(upper.bytes[..<(width * height)]), "\(width)×\(height)")
            // A picture that ends within a block ends as if its last row went on.
            let cut = try PixelImage(
                width: width, height: height - 3, layout: .gray8, bytes: Array(mask.image.bytes.dropLast(3 * width)))
            let row = Array(cut.bytes.suffix(width))
            let whole = try PixelImage(
                width: width, height: height, layout: .gray8, bytes: cut.bytes + row + row + row)
            let short = try PixelImage.decode(cut.encode(.jpeg, quality: quality), as: .gray8)
            let long = try PixelImage.decode(whole.encode(.jpeg, quality: quality), as: .gray8)
            #expect(short.bytes == Array(long.bytes.dropLast(3 * width)))
        }
    }

    @Test func transparencyOnJPEGIsLaidOnWhite() throws {
        let bytes: [UInt8] = (0..<64).flatMap { _ in [0, 0, 0, 0] as [UInt8] }
        let picture = try PixelImage(width: 8, height: 8, layout: .rgba8, bytes: bytes)
        let back = try PixelImage.decode(picture.encode(.jpeg), as: .rgb8)
        #expect(back.bytes.allSatisfy { $0 > 250 })
    }

    @Test func kindsOfPNG() throws {
        func rgba(_ base64: String) throws -> [UInt8] { try PixelImage.decode(Fixture.bytes(base64)).bytes }
        #expect(
            try rgba(Fixture.grey16) == [0, 0, 0, 255, 255, 255, 255, 255, 128, 128, 128, 255, 1, 1, 1, 255])
        #expect(try rgba(Fixture.palette) == [255, 0, 0, 255, 0, 255, 0, 128, 0, 0, 255, 255])
        #expect(
            try PixelImage.decode(Fixture.bytes(Fixture.grey1), as: .gray8).bytes == [255, 0, 255, 255, 0, 0, 255, 0])
        #expect(try rgba(Fixture.greyAlpha) == [10, 10, 10, 20, 30, 30, 30, 255])
        #expect(try rgba(Fixture.rgba16) == [255, 0, 128, 64])
        #expect(
            try PixelImage.decode(Fixture.bytes(Fixture.interlaced), as: .gray8).bytes
                == (0..<16).map { UInt8(16 * $0) })
        #expect(try ImageProbe(Fixture.bytes(Fixture.palette)).hasAlpha)
        #expect(try !ImageProbe(Fixture.bytes(Fixture.grey16)).hasAlpha)
    }

    @Test func kindsOfJPEG() throws {
        let cyan = try PixelImage.decode(Fixture.bytes(Fixture.cmyk), as: .rgba8)
        #expect(cyan.width == 8 && cyan.height == 8)
        for i in stride(from: 0, to: cyan.bytes.count, by: 4) {
            #expect(cyan.bytes[i] < 8 && cyan.bytes[i + 1] > 247 && cyan.bytes[i + 2] > 247 && cyan.bytes[i + 3] == 255)
        }
        let progressive = try PixelImage.decode(Fixture.bytes(Fixture.progressive), as: .rgb8)
        #expect(progressive.width == 16 && progressive.bytes[0] < 40 && progressive.bytes[1] > 215)
    }

    @Test func whatIsNoPictureIsSaid() throws {
        let cases: [([UInt8], ImagingError.Code, String)] = [
            ([], .notAnImage, "empty"), (Array("GIF89a".utf8), .notAnImage, "GIF"),
            (Array("%PDF-1.4".utf8), .notAnImage, "PDF"),
            (Array("hello, world".utf8), .notAnImage, "PNG, JPEG or WebP"),
            (try Fixture.bytes(Fixture.animation), .unsupported, "animation"),
            (Array("RIFF\u{4}\0\0\0WEBP".utf8), .corrupt, "WebP"), ([0xFF, 0xD8, 0xFF], .corrupt, "JPEG"),
            ([0x89] + Array("PNG\r\n\u{1A}\n".utf8), .corrupt, "PNG"),
        ]
        for (file, code, word) in cases {
            let error = #expect(throws: ImagingError.self) { try PixelImage.decode(file) }
            #expect(error?.code == code)
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        }
    }

    /// Every file cut off at every place is refused: no picture is made up of half a file.
    @Test func everyTruncationIsRefused() throws {
        let files = [
            try Fixture.picture(9, 7, .rgba8).encode(.png), try Fixture.picture(9, 7, .gray8).encode(.png),
            try Fixture.bytes(Fixture.interlaced), try Fixture.bytes(Fixture.palette),
            try Fixture.picture(9, 7, .rgb8).encode(.jpeg), try Fixture.bytes(Fixture.progressive),
            try Fixture.bytes(Fixture.cmyk), try Fixture.picture(9, 7, .rgba8).encode(.webp),
            try Fixture.picture(9, 7, .gray8).encode(.webp), try Fixture.picture(9, 7, .rgb8).encode(.webp),
        ]
        for (number, file) in files.enumerated() {
            _ = try PixelImage.decode(file)
            for length in 0..<file.count {
                #expect(throws: ImagingError.self, "file \(number), \(length) of \(file.count) bytes") {
                    try PixelImage.decode(Array(file[..<length]))
                }
            }
        }
    }

    /// Damaged files yield an error or some picture of the announced size, and nothing worse.
    @Test(arguments: ImageFormat.allCases)
    func damageIsSurvived(format: ImageFormat) throws {
        var random = SeededGenerator(seed: 11)
        let limits = ImageLimits(maxPixels: 1 << 20)
        for layout in PixelImage.Layout.allCases {
            let file = try Fixture.picture(33, 21, layout).encode(format)
            for _ in 0..<400 {
                var damaged = file
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    damaged[Int.random(in: 0..<file.count, using: &random)] = .random(in: 0...255, using: &random)
                }
                do {
                    let probe = try ImageProbe(damaged, limits: limits)
                    let picture = try PixelImage.decode(damaged, limits: limits)
                    #expect(picture.width == probe.width && picture.height == probe.height)
                } catch {
                    #expect(!error.message.isEmpty)
                }
            }
        }
    }

    @Test func bombsAreRefusedByTheirHeader() throws {
        func code(_ file: [UInt8], _ limits: ImageLimits = .standard) -> ImagingError.Code? {
            #expect(throws: ImagingError.self) { try PixelImage.decode(file, limits: limits) }?.code
        }
        #expect(code(Forge.pngHeader(width: 65_535, height: 65_535)) == .tooLarge)
        #expect(code(Forge.pngHeader(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF)) == .tooLarge)
        #expect(code(Forge.pngHeader(width: 0xFFFF_FFFF, height: 1)) == .tooLarge)
        #expect(code(Forge.pngHeader(width: 16_384, height: 16_384)) == .tooManyPixels)
        #expect(code(Forge.pngHeader(width: 0, height: 5)) == .corrupt)
        #expect(code(Forge.jpegHeader(width: 65_500, height: 65_500)) == .tooLarge)
        #expect(code(Forge.jpegHeader(width: 16_000, height: 16_000)) == .tooManyPixels)
        #expect(code(Forge.webpHeader(width: 16_384, height: 16_384)) == .tooManyPixels)
        // The headers are good ones: within the limits, the missing pixels are what is complained about.
        #expect(code(Forge.pngHeader(width: 100, height: 100)) == .corrupt)
        #expect(code(Forge.jpegHeader(width: 100, height: 100)) == .corrupt)
        #expect(code(Forge.webpHeader(width: 100, height: 100)) == .corrupt)
        let small = try Fixture.picture(10, 10, .rgb8).encode(.png)
        #expect(code(small, ImageLimits(maxBytes: small.count - 1)) == .tooManyBytes)
        #expect(code(small, ImageLimits(maxPixels: 99)) == .tooManyPixels)
        #expect(code(small, ImageLimits(maxSide: 9)) == .tooLarge)
        _ = try PixelImage.decode(small, limits: ImageLimits(maxBytes: small.count, maxPixels: 100, maxSide: 10))
    }

    @Test func probeMatchesDecode() throws {
        for format in ImageFormat.allCases {
            let probe = try ImageProbe(Fixture.picture(31, 17, .rgb8).encode(format))
            #expect(probe.format == format && probe.width == 31 && probe.height == 17)
            #expect(!probe.hasAlpha && probe.orientation == .upright)
        }
    }

    /// The rule of EXIF, written down a second time: which stored pixel is shown at (x, y).
    static func stored(_ orientation: Int32, _ x: Int, _ y: Int, _ width: Int, _ height: Int) -> (Int, Int) {
        switch orientation {
        case 2: (width - 1 - x, y)
        case 3: (width - 1 - x, height - 1 - y)
        case 4: (x, height - 1 - y)
        case 5: (y, x)
        case 6: (y, height - 1 - x)
        case 7: (width - 1 - y, height - 1 - x)
        case 8: (width - 1 - y, x)
        default: (x, y)
        }
    }

    @Test(arguments: ImageFormat.allCases, Orientation.allCases)
    func orientationIsApplied(format: ImageFormat, orientation: Orientation) throws {
        let (width, height) = (13, 9)
        let plain = try Fixture.picture(width, height, .gray8).encode(format)
        let upright = try PixelImage.decode(plain, as: .gray8)
        for bigEndian in [true, false] {
            let exif = Forge.exif(UInt8(orientation.rawValue), bigEndian: bigEndian)
            let file = Forge.with(exif, in: plain, format)
            let probe = try ImageProbe(file)
            #expect(probe.orientation == orientation)
            let shown = try PixelImage.decode(file, as: .gray8)
            let swaps = orientation.rawValue >= 5
            #expect(shown.width == (swaps ? height : width) && shown.height == (swaps ? width : height))
            #expect(probe.width == shown.width && probe.height == shown.height)
            for y in 0..<shown.height {
                for x in 0..<shown.width {
                    let (sx, sy) = Self.stored(orientation.rawValue, x, y, width, height)
                    #expect(shown.bytes[y * shown.width + x] == upright.bytes[sy * width + sx])
                }
            }
        }
    }

    @Test func nonsenseInEXIFIsIgnored() throws {
        let plain = try Fixture.picture(4, 3, .gray8).encode(.jpeg)
        let good = Forge.exif(6, bigEndian: false)
        for length in 0..<20 {
            #expect(try ImageProbe(Forge.with(Array(good[..<length]), in: plain, .jpeg)).orientation == .upright)
        }
        for value: UInt8 in [0, 9, 255] {
            let exif = Forge.exif(value, bigEndian: true)
            #expect(try ImageProbe(Forge.with(exif, in: plain, .jpeg)).orientation == .upright)
        }
        var far = good
        far[4...7] = [0xFF, 0xFF, 0xFF, 0xFF]
        #expect(try ImageProbe(Forge.with(far, in: plain, .jpeg)).orientation == .upright)
    }

    @Test func sizesThatDoNotFitAreRefused() throws {
        #expect(throws: ImagingError.self) { try PixelImage(width: 2, height: 2, layout: .rgb8, bytes: [1, 2, 3]) }
        #expect(throws: ImagingError.self) { try PixelImage(width: 0, height: 2, layout: .rgb8, bytes: []) }
        #expect(throws: ImagingError.self) {
            try PixelImage(width: .max, height: 2, layout: .rgb8, bytes: [])
        }
        let long = try PixelImage(
            width: 16_384, height: 1, layout: .rgb8, bytes: [UInt8](repeating: 9, count: 16_384 * 3))
        let error = #expect(throws: ImagingError.self) { try long.encode(.webp) }
        #expect(error?.code == .invalidArgument)
        #expect(throws: ImagingError.self) { try long.resized(width: 0, height: 4) }
    }

    @Test func resizingKeepsFlatColour() throws {
        let flat = try PixelImage(
            width: 30, height: 20, layout: .rgb8, bytes: (0..<600).flatMap { _ in [200, 30, 90] as [UInt8] })
        for (width, height) in [(15, 10), (7, 3), (60, 41), (1, 1)] {
            let other = try flat.resized(width: width, height: height)
            #expect(other.bytes == (0..<width * height).flatMap { _ in [200, 30, 90] as [UInt8] })
        }
    }
}
