/// A JSON text that was accepted: its original bytes and the tape over them. Immutable; views share it.
package final class JSONDocument: Sendable {
    /// The text exactly as it came.
    package let bytes: [UInt8]
    /// INVARIANT: every index that a view holds, and every `next` that leads to a sibling, lies inside the tape.
    // SAFETY: written by the scanner before the document exists, only read afterwards, freed with it; no thread matters.
    nonisolated(unsafe) let tape: UnsafePointer<JSONToken>

    private init(bytes: [UInt8], tape: JSONTape) {
        self.bytes = bytes
        self.tape = UnsafePointer(tape.tokens)
    }

    deinit {
        tape.deallocate()
    }

    /// Checks the whole text in one pass.
    /// - Throws: the first thing that is wrong, with its byte offset.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) -> JSONDocument {
        var failure: JSONError?
        let tape = bytes.withUnsafeBufferPointer { text in
            var scanner = JSONScanner(text, limits: limits)
            do throws(JSONError) {
                try scanner.scan()
            } catch {
                failure = error
            }
            return scanner.tape
        }
        if let failure {
            tape.deallocate()
            throw failure
        }
        return JSONDocument(bytes: bytes, tape: tape)
    }

    package var root: JSONView { JSONView(document: self, index: 0) }

    /// Bytes that it holds: the text, and 16 for each value and key.
    package var weight: Int { bytes.count + Int(tape.pointee.next) * MemoryLayout<JSONToken>.stride }

    /// `{}`
    package static let emptyObject: JSONDocument = {
        do throws(JSONError) {
            return try parse(Array("{}".utf8))
        } catch {
            preconditionFailure("BUG: {} is JSON")
        }
    }()
}
