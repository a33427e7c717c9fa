internal import Base
internal import CYAML
internal import JSON

/// A fault of the text itself.
struct SourceFault: Sendable {
    let code: ImportCode
    let offset: Int
    let pointer: JSONPointer
    let message: String
    let mend: String?
}

/// Reads one YAML document into a tree, and refuses whatever lets two readers see different documents: anchors and
/// aliases, merge keys, tags, directives, repeated keys, several documents.
struct YAMLSource {
    static let maxDepth = 64
    static let maxFaults = 500

    private var stack: [Frame] = []
    private var root: SourceNode?
    private(set) var faults: [SourceFault] = []
    private var documents = 0
    /// Byte offsets of the characters, which libyaml counts; nil if every character is one byte.
    private let offsets: [UInt32]?
    private let byteCount: Int

    private struct Frame {
        let offset: Int
        var elements: [SourceNode] = []
        var members: [(key: SourceNode, value: SourceNode)] = []
        var key: SourceNode?
        var names: Set<String> = []
        let isMap: Bool
    }

    /// The tree, if there is one document that could be read to its end, and every fault on the way.
    static func parse(_ bytes: [UInt8]) -> (root: SourceNode?, faults: [SourceFault]) {
        var source = YAMLSource(bytes)
        source.read(bytes)
        return (source.root, source.faults)
    }

    private init(_ bytes: [UInt8]) {
        byteCount = bytes.count
        guard bytes.contains(where: { $0 >= 0x80 }) else {
            offsets = nil
            return
        }
        offsets = bytes.indices.lazy.filter { bytes[$0] & 0xC0 != 0x80 }.map(UInt32.init)
    }

    private func offset(_ mark: yaml_mark_t) -> Int {
        guard let offsets else { return min(Int(mark.index), byteCount) }
        return mark.index < offsets.count ? Int(offsets[Int(mark.index)]) : byteCount
    }

    /// Where the reader is.
    private var pointer: JSONPointer {
        var pointer = JSONPointer()
        for frame in stack {
            if frame.isMap {
                if let key = frame.key, case .scalar(let text, _) = key.shape { pointer = pointer.appending(text) }
            } else {
                pointer = pointer.appending(frame.elements.count)
            }
        }
        return pointer
    }

    private mutating func fault(_ code: ImportCode, at offset: Int, _ message: String, mend: String? = nil) {
        guard faults.count < Self.maxFaults else { return }
        faults.append(SourceFault(code: code, offset: offset, pointer: pointer, message: message, mend: mend))
    }

    private mutating func read(_ bytes: [UInt8]) {
        // libyaml keeps a pointer from the parser to itself, so it needs one fixed place.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else {
            return fault(.notYAML, at: 0, "there is not enough memory to read it")
        }
        defer { yaml_parser_delete(parser) }
        bytes.withUnsafeBufferPointer { input in
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(parser, input.baseAddress, input.count)
            var goesOn = true
            while goesOn {
                var event = yaml_event_t()
                guard yaml_parser_parse(parser, &event) == 1 else {
                    root = nil
                    return syntaxError(parser.pointee)
                }
                goesOn = take(event)
                yaml_event_delete(&event)
            }
        }
    }

    private mutating func syntaxError(_ parser: yaml_parser_t) {
        func text(_ words: UnsafePointer<CChar>?) -> String { words.map { String(cString: $0) } ?? "" }
        let isReader = parser.error == YAML_READER_ERROR
        let place = isReader ? min(Int(parser.problem_offset), byteCount) : offset(parser.problem_mark)
        let context = text(parser.context)
        fault(
            .notYAML, at: place,
            "this is no YAML: \(text(parser.problem))" + (context.isEmpty ? "" : " \(context)"))
    }

    /// False: nothing more is of interest.
    private mutating func take(_ event: yaml_event_t) -> Bool {
        let start = offset(event.start_mark)
        switch event.type {
        case YAML_DOCUMENT_START_EVENT:
            documents += 1
            if documents > 1 {
                fault(
                    .manyDocuments, at: start, "a second document starts here, and Intercept never reads it",
                    mend: "keep one document in the file")
                return false
            }
            let directives = event.data.document_start
            if directives.version_directive != nil || directives.tag_directives.start != directives.tag_directives.end {
                fault(.tag, at: start, "directives change what the text means", mend: "remove the lines with `%`")
            }
        case YAML_ALIAS_EVENT:
            fault(
                .alias, at: start, "aliases are not followed",
                mend: "write out what it stands for, and remove the anchor")
            return add(SourceNode(offset: start, shape: .scalar("", .plain)))
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            refuse(anchor: scalar.anchor, tag: scalar.tag, at: start)
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let style: SourceNode.Style = scalar.style == YAML_PLAIN_SCALAR_STYLE ? .plain : .quoted
            return add(SourceNode(offset: start, shape: .scalar(String(decoding: bytes, as: UTF8.self), style)))
        case YAML_SEQUENCE_START_EVENT:
            refuse(anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag, at: start)
            return open(Frame(offset: start, isMap: false))
        case YAML_MAPPING_START_EVENT:
            refuse(anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag, at: start)
            return open(Frame(offset: start, isMap: true))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            guard let frame = stack.popLast() else { return false }
            return add(
                SourceNode(offset: frame.offset, shape: frame.isMap ? .map(frame.members) : .list(frame.elements)))
        case YAML_STREAM_END_EVENT: return false
        default: break
        }
        return true
    }

    private mutating func refuse(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, at offset: Int
    ) {
        if anchor != nil {
            fault(.alias, at: offset, "anchors are not understood", mend: "remove `&…` and write out where it is used")
        }
        if tag != nil {
            fault(.tag, at: offset, "tags are not understood", mend: "remove `!…`; quotes make a value text")
        }
    }

    private mutating func open(_ frame: Frame) -> Bool {
        guard stack.count < Self.maxDepth else {
            fault(.tooDeep, at: frame.offset, "the document nests more than \(Self.maxDepth) levels")
            return false
        }
        stack.append(frame)
        return true
    }

    private mutating func add(_ node: SourceNode) -> Bool {
        guard let top = stack.indices.last else {
            root = node
            return true
        }
        if !stack[top].isMap {
            stack[top].elements.append(node)
        } else if let key = stack[top].key {
            stack[top].members.append((key, node))
            stack[top].key = nil
        } else {
            guard case .scalar(let text, let style) = node.shape else {
                fault(.wrongType, at: node.offset, "a key is text, not \(node.phrase)")
                // As a list, it is nobody's field.
                stack[top].key = SourceNode(offset: node.offset, shape: .list([]))
                return true
            }
            stack[top].key = node
            if text == "<<", style == .plain {
                stack[top].key = SourceNode(offset: node.offset, shape: .list([]))
                fault(.alias, at: node.offset, "merge keys are not understood", mend: "write out what is merged")
            } else if !stack[top].names.insert(text).inserted {
                fault(
                    .duplicateKey, at: node.offset, "the key `\(clipped(text))` stands twice in the same mapping",
                    mend: "remove one of them")
            }
        }
        return true
    }
}
