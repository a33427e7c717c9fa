import Base
import Imaging

@testable import Studio

/// Pictures from strangers: the header's promise is kept by the decoder, limits hold, what was read can be written, and what
/// a file says of its making stays here.
func fuzzPictures(_ bytes: [UInt8]) {
    var limits = ImageLimits()
    limits.maxPixels = 1 << 16
    limits.maxSide = 1 << 10
    guard let probe = try? ImageProbe(bytes, limits: limits) else {
        expect((try? PixelImage.decode(bytes, as: .rgb8, limits: limits)) == nil, "decoded what has no header")
        return
    }
    expect(probe.width * probe.height <= limits.maxPixels, "over the limit")
    for layout in [PixelImage.Layout.gray8, .rgb8, .rgba8] {
        guard let picture = try? PixelImage.decode(bytes, as: layout, limits: limits) else { return }
        expect(picture.width == probe.width && picture.height == probe.height, "not the size that was promised")
        expect(picture.bytes.count == picture.width * picture.height * layout.channels, "not that many bytes")
        guard let png = try? picture.encode(.png), let again = try? PixelImage.decode(png, as: layout, limits: limits)
        else {
            fail("what was read can't be written")
        }
        expect(again == picture, "a PNG lost something")
        // Grey JPEGs are written by code of our own where the picture is flat.
        if layout == .gray8 {
            guard let jpeg = try? picture.encode(.jpeg, quality: 1 + bytes.count % 100),
                let back = try? PixelImage.decode(jpeg, as: layout, limits: limits)
            else {
                fail("what was read can't be written as JPEG")
            }
            expect(back.width == picture.width && back.height == picture.height, "a JPEG of another size")
        }
    }
    for planted in planted(in: bytes, probe.format) {
        // What can't be read does not leave at all.
        guard let sent = try? RemotePictures.outgoing(planted, limits: limits) else { continue }
        expect(sent.file.firstRange(of: marker) == nil || bytes.firstRange(of: marker) != nil, "a marker went along")
    }
}

private let marker = Array("where and by whom".utf8)

/// The file with a marker in each place where its format has room for what cameras and programs say.
private func planted(in file: [UInt8], _ format: ImageFormat) -> [[UInt8]] {
    func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    func inserted(_ part: [UInt8], at place: Int) -> [UInt8]? {
        file.count >= place ? Array(file[..<place]) + part + Array(file[place...]) : nil
    }
    let behind = file + marker
    switch format {
    case .jpeg:
        func segment(_ kind: UInt8, _ name: String) -> [UInt8] {
            [0xFF, kind, 0, UInt8(2 + name.utf8.count + marker.count)] + Array(name.utf8) + marker
        }
        let first = [segment(0xE1, "Exif\0\0"), segment(0xE2, "MPF\0"), segment(0xFE, ""), segment(0xEE, "Adobe\0")]
        let last = segment(0xED, "Photoshop 3.0\0")
        return first.compactMap { inserted($0, at: 2) } + [behind]
            + [inserted(last, at: max(2, file.count - 2))].compactMap(\.self)
    case .png:
        func chunk(_ name: String) -> [UInt8] {
            number(marker.count).reversed() + Array(name.utf8) + marker + [0, 0, 0, 0]
        }
        return [
            inserted(chunk("eXIf"), at: 33), inserted(chunk("prVt"), at: 33),
            inserted(chunk("tEXt"), at: max(33, file.count - 12)),
        ]
        .compactMap(\.self) + [behind]
    case .webp:
        func chunk(_ name: String) -> [UInt8] {
            Array(name.utf8) + number(marker.count) + marker + (marker.count % 2 == 1 ? [0] : [])
        }
        return [("EXIF", file.count), ("XMP ", 12), ("what", 12)].compactMap { name, place in
            guard var grown = inserted(chunk(name), at: place), grown.count >= 12 else { return nil }
            grown.replaceSubrange(4..<8, with: number(grown.count - 8))
            return grown
        } + [behind]
    }
}
