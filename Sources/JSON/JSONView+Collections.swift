/// The members of an object in the order of the text; empty for other kinds.
package struct JSONMembers: Sequence, IteratorProtocol {
    private let document: JSONDocument
    private var position: Int
    private let end: Int

    init(_ view: JSONView) {
        document = view.document
        position = view.index + 1
        end = view.kind == .object ? Int(view.document.tape[view.index].next) : 0
    }

    package mutating func next() -> (key: JSONView, value: JSONView)? {
        guard position < end else { return nil }
        let key = JSONView(document: document, index: position)
        let value = JSONView(document: document, index: position + 1)
        position = Int(document.tape[position + 1].next)
        return (key, value)
    }
}

/// The elements of an array in the order of the text; empty for other kinds.
package struct JSONElements: Sequence, IteratorProtocol {
    private let document: JSONDocument
    private var position: Int
    private let end: Int

    init(_ view: JSONView) {
        document = view.document
        position = view.index + 1
        end = view.kind == .array ? Int(view.document.tape[view.index].next) : 0
    }

    package mutating func next() -> JSONView? {
        guard position < end else { return nil }
        defer { position = Int(document.tape[position].next) }
        return JSONView(document: document, index: position)
    }
}

extension JSONView {
    package var members: JSONMembers { JSONMembers(self) }
    package var elements: JSONElements { JSONElements(self) }

    /// The value at a pointer (RFC 6901), or nil.
    package subscript(pointer: JSONPointer) -> JSONView? {
        var view = self
        for token in pointer.tokens {
            let next = view.kind == .array ? JSONPointer.arrayIndex(token).flatMap { view[$0] } : view[token]
            guard let next else { return nil }
            view = next
        }
        return view
    }
}

extension JSONView: Equatable {
    /// Equality of JSON values: numbers by exact value, objects without regard to order.
    package static func == (a: JSONView, b: JSONView) -> Bool {
        guard a.kind == b.kind else { return false }
        switch a.kind {
        case .null: return true
        case .boolean: return a.bool == b.bool
        case .number: return a.rawBytes == b.rawBytes || a.compareNumber(to: b) == 0
        case .string: return a.withDecodedText { a in b.withDecodedText { b in a.elementsEqual(b) } }
        case .array: return a.count == b.count && a.elements.elementsEqual(b.elements, by: ==)
        case .object:
            guard a.count == b.count else { return false }
            return a.members.allSatisfy { key, value in
                guard let key = key.string, let other = b[key] else { return false }
                return value == other
            }
        }
    }
}
