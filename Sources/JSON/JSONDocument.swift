/// A JSON text that was accepted: its original bytes and the tape over them. Immutable; views share it.
package final class JSONDocument: Sendable {
    /// The text exactly as it came.
    package let bytes: [UInt8]
    let tape: [JSONToken]

    private init(bytes: [UInt8], tape: [JSONToken]) {
        self.bytes = bytes
        self.tape = tape
    }

    /// Checks the whole text in one pass.
    /// - Throws: the first thing that is wrong, with its byte offset.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) -> JSONDocument {
        let scanned: Result<[JSONToken], JSONError> = bytes.withUnsafeBufferPointer { text in
            var scanner = JSONScanner(text, limits: limits)
            do throws(JSONError) {
                try scanner.scan()
                return .success(scanner.tape)
            } catch {
                return .failure(error)
            }
        }
        return JSONDocument(bytes: bytes, tape: try scanned.get())
    }

    package var root: JSONView { JSONView(document: self, index: 0) }
}
