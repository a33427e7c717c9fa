internal import Base
internal import JSON
internal import Policy

/// Reads strict JSON into the tree that importing works on.
enum JSONSource {
    static func parse(_ bytes: [UInt8]) -> (root: SourceNode?, faults: [SourceFault]) {
        let limits = JSONLimits(maxBytes: PolicyImport.maxBytes, maxDepth: YAMLSource.maxDepth, maxTokens: 200_000)
        do throws(JSONError) {
            return (node(try JSONDocument.parse(bytes, limits: limits).root), [])
        } catch {
            let code: ImportCode =
                switch error.code {
                case .tooLarge, .tooManyTokens: .tooLarge
                case .tooDeep: .tooDeep
                case .duplicateKey: .duplicateKey
                case .empty, .unexpectedByte, .unterminated, .invalidNumber, .invalidEscape, .loneSurrogate,
                    .invalidUTF8, .controlCharacter, .trailingData, .byteOrderMark:
                    .notJSON
                }
            return (
                nil,
                [
                    SourceFault(
                        code: code, offset: error.offset, pointer: JSONPointer(), message: error.message, mend: nil)
                ]
            )
        }
    }

    /// The depth is bounded by the parser.
    private static func node(_ view: JSONView) -> SourceNode {
        let shape: SourceNode.Shape =
            switch view.kind {
            case .array: .list(view.elements.map(node))
            case .object: .map(view.members.map { (node($0.key), node($0.value)) })
            case .string: .scalar(view.string ?? "", .quoted)
            case .null, .boolean, .number: .scalar(String(decoding: view.rawBytes, as: UTF8.self), .json)
            }
        return SourceNode(offset: view.range.lowerBound, shape: shape)
    }
}
