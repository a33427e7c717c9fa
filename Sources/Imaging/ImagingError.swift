/// Why a picture could not be read, written or masked. One type for the whole module.
package struct ImagingError: Error, Sendable, Equatable {
    /// The kinds of failure; a closed list, for metrics and for callers that act on them.
    package enum Code: String, Sendable, CaseIterable {
        /// The bytes are none of PNG, JPEG, WebP.
        case notAnImage
        /// An image, but of a kind that is not handled (an animation, 12 bits a channel).
        case unsupported
        /// Broken, or cut off.
        case corrupt
        /// The file is longer than `ImageLimits.maxBytes`.
        case tooManyBytes
        /// The header announces more pixels than `ImageLimits.maxPixels`.
        case tooManyPixels
        /// The header announces a side longer than `ImageLimits.maxSide`.
        case tooLarge
        /// The caller's values do not fit together or lie outside their range.
        case invalidArgument
        /// A library found no memory.
        case outOfMemory
        /// A picture could not be written.
        case encodingFailed
        /// The inference library is not where it should be.
        case libraryMissing
        /// The inference library is there, but cannot be used.
        case libraryBroken
        /// A model file is not where it should be.
        case modelMissing
        /// A model file is there, but cannot be used.
        case modelBroken
        /// A model failed while it ran.
        case inferenceFailed
        /// The caller stopped the work.
        case cancelled
    }

    /// What kind of failure.
    package let code: Code
    /// What happened and how to mend it, in a sentence fit for the user.
    package let message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension ImagingError: CustomStringConvertible {
    /// The message.
    package var description: String { message }
}

/// Room for a C shim's error text, and the text as a Swift string afterwards.
struct ErrorText {
    private var bytes: [CChar]

    init(capacity: Int) {
        bytes = [CChar](repeating: 0, count: capacity)
    }

    /// Lends the room to a C function.
    mutating func lend<Result>(_ body: (UnsafeMutablePointer<CChar>) -> Result) -> Result {
        bytes.withUnsafeMutableBufferPointer { buffer in
            // INVARIANT: capacity is a positive constant, so there is a base address.
            body(buffer.baseAddress!)
        }
    }

    var string: String {
        String(decoding: bytes.prefix { $0 != 0 }.lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A path as errors say it: what it is called in the models' folder, and not where on this machine that is.
func shown(_ path: String) -> String { path.split(separator: "/").suffix(2).joined(separator: "/") }
