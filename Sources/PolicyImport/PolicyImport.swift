internal import Base
internal import JSON
package import Policy

/// Translates policies of other products into ours, rule by rule, and refuses what can't be said exactly.
///
/// Pure: files are read and written by the caller. What comes out never lets a call through that the original stops.
package enum PolicyImport {
    /// Whose policies can be read.
    package enum Format: String, Sendable, CaseIterable {
        /// Intercept's YAML, version "1".
        case intercept
        /// PolicyLayer's JSON, version "1".
        case policylayer
    }

    /// Bytes of a document; as many as a policy may have.
    package static let maxBytes = PolicyDocument.maxBytes

    /// Translates a document.
    /// - Parameter format: Nil: JSON, that is a text that starts with a brace, is PolicyLayer's, all else Intercept's.
    package static func translate(_ bytes: [UInt8], format: Format? = nil) -> ImportResult {
        let format = format ?? guess(bytes)
        var reader = SourceReader(bytes: bytes)
        guard bytes.count <= maxBytes else {
            reader.report(
                .tooLarge, at: 0, JSONPointer(), "a policy has at most \(maxBytes) bytes; this one has \(bytes.count)")
            return ImportResult(format, reader)
        }
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            reader.report(
                format == .intercept ? .notYAML : .notJSON, at: 0, JSONPointer(),
                "the text starts with a byte order mark", mend: "save it as UTF-8 without one")
            return ImportResult(format, reader)
        }
        let (root, faults) = format == .intercept ? YAMLSource.parse(bytes) : JSONSource.parse(bytes)
        for fault in faults {
            reader.report(fault.code, at: fault.offset, fault.pointer, fault.message, mend: fault.mend)
        }
        guard let root else {
            if faults.isEmpty { reader.report(.notYAML, at: 0, JSONPointer(), "there is no document in this file") }
            return ImportResult(format, reader)
        }
        let (draft, read) =
            format == .intercept ? InterceptPolicy.translate(root, reader) : LayerPolicy.translate(root, reader)
        reader = read
        guard !draft.head.isEmpty else { return ImportResult(format, reader) }
        let text = PolicyText.bytes(of: draft.value)
        // Also when something was refused: the loader's word on the rest is worth hearing at the same time.
        let load = PolicyDocument.load(text, name: "import", version: 1)
        for error in load.errors {
            let site =
                JSONPointer(error.pointer).flatMap(draft.site) ?? Site(offset: root.offset, pointer: JSONPointer())
            reader.report(.refused, at: site, "here, \(error.message) (\(error.code))")
        }
        return ImportResult(format, reader, policy: text)
    }

    private static func guess(_ bytes: [UInt8]) -> Format {
        bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "{") ? .policylayer : .intercept
    }
}

/// What became of a document.
package struct ImportResult: Sendable {
    /// As what it was read.
    package let format: PolicyImport.Format
    /// The policy, formatted, with a line end; nil if there is any problem.
    package let policy: [UInt8]?
    /// In the order of the document.
    package let problems: [PolicyProblem]
    /// What each part became, in the order of the document.
    package let steps: [ImportStep]
    /// What is worth knowing about the whole policy, one sentence each.
    package let remarks: [String]

    init(_ format: PolicyImport.Format, _ reader: SourceReader, policy: [UInt8]? = nil) {
        self.format = format
        self.policy = reader.problems.isEmpty ? policy : nil
        problems = PolicyProblem.ordered(reader.problems)
        steps = reader.steps
        remarks = reader.remarks
    }
}
