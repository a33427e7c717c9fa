internal import JSON

/// A call as it was once made, for trying other policies on it.
package struct RecordedCall: Sendable {
    /// The call, its caller and its time.
    package let facts: CallFacts
    /// It ended in a way that gives its quota back.
    package let isReleased: Bool

    /// A call; by default the tool ran, so its quota stays taken.
    package init(_ facts: CallFacts, isReleased: Bool = false) {
        self.facts = facts
        self.isReleased = isReleased
    }

    /// Reads the calls of a file in the form of policy tests. What the file expects of them, and the policy it names, are
    /// passed over.
    /// - Returns: the calls, and what is wrong with the file; the calls are of use only if nothing is.
    package static func read(_ bytes: [UInt8]) -> (calls: [RecordedCall], faults: [TestFailure]) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(bytes, limits: JSONLimits(maxBytes: PolicyTest.maxBytes))
        } catch {
            return ([], [TestFailure(error.sentence(in: bytes), at: error.position(in: bytes))])
        }
        var file = TestFile(document.root)
        let calls = file.calls(expecting: false)
        return (calls.map { RecordedCall($0.facts, isReleased: $0.isReleased) }, file.faults)
    }
}
