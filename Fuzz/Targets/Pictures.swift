import Base
import Imaging

/// Pictures from strangers: the header's promise is kept by the decoder, limits hold, and what was read can be written.
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
    }
}
