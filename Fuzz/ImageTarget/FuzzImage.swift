import Base
import Imaging

/// Pictures from strangers: the header's promise is kept by the decoder, limits hold, and what was read can be written.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzImage(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    var limits = ImageLimits()
    limits.maxPixels = 1 << 16
    limits.maxSide = 1 << 10
    guard let probe = try? ImageProbe(bytes, limits: limits) else {
        precondition((try? PixelImage.decode(bytes, as: .rgb8, limits: limits)) == nil, "decoded what has no header")
        return 0
    }
    precondition(probe.width * probe.height <= limits.maxPixels, "over the limit")
    for layout in [PixelImage.Layout.gray8, .rgb8, .rgba8] {
        guard let picture = try? PixelImage.decode(bytes, as: layout, limits: limits) else { return 0 }
        precondition(picture.width == probe.width && picture.height == probe.height, "not the size that was promised")
        precondition(picture.bytes.count == picture.width * picture.height * layout.channels, "not that many bytes")
        guard let png = try? picture.encode(.png), let again = try? PixelImage.decode(png, as: layout, limits: limits)
        else {
            preconditionFailure("what was read can't be written")
        }
        precondition(again == picture, "a PNG lost something")
    }
    return 0
}
