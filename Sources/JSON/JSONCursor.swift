/// A value inside a document that somebody else keeps: a `JSONView` that keeps nothing itself.
///
/// COST: each copy of a view is an atomic increment and, later, a decrement. A policy's condition made eight of them, which
/// took longer than the condition.
///
/// SAFETY: whoever makes one keeps the document for as long as the cursor, and anything made from it, is used. `view` is
/// the way out where that is not plain.
package struct JSONCursor {
    private let document: Unmanaged<JSONDocument>
    private let index: Int

    fileprivate init(_ document: Unmanaged<JSONDocument>, _ index: Int) {
        self.document = document
        self.index = index
    }

    private var tape: UnsafePointer<JSONToken> { document._withUnsafeGuaranteedRef { $0.tape } }

    /// The whole text. The bytes never move, because the array is a constant of the document.
    private var text: UnsafeBufferPointer<UInt8> {
        document._withUnsafeGuaranteedRef { $0.bytes.withUnsafeBufferPointer { $0 } }
    }

    /// The same value as a reference that keeps the document.
    package var view: JSONView { JSONView(document: document.takeUnretainedValue(), index: index) }

    package var kind: JSONKind { tape[index].kind }

    /// Elements of an array or members of an object; 0 for anything else.
    package var count: Int {
        let token = tape[index]
        return token.kind == .array || token.kind == .object ? token.count : 0
    }

    /// The bytes of the value as they were written.
    package var rawText: UnsafeBufferPointer<UInt8> {
        let token = tape[index]
        return UnsafeBufferPointer(rebasing: text[Int(token.start)..<Int(token.end)])
    }

    /// The bytes between a string's quotes if it has no escapes: its UTF-8. Nil for anything else.
    package var plainText: UnsafeBufferPointer<UInt8>? {
        let token = tape[index]
        guard token.kind == .string, !token.hasEscapes else { return nil }
        return UnsafeBufferPointer(rebasing: text[token.content])
    }

    /// The bytes between a string's quotes as they were written, escapes and all. Only for strings.
    package var content: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: text[tape[index].content]) }

    /// The decoded UTF-8 of a string.
    package var stringBytes: [UInt8]? { view.stringBytes }

    /// The bytes of the value in its document, the quotes of a string included.
    package var range: Range<Int> {
        let token = tape[index]
        return Int(token.start)..<Int(token.end)
    }

    /// The decoded text of a string.
    package var string: String? {
        guard kind == .string else { return nil }
        return withText { String(decoding: $0, as: UTF8.self) }
    }

    /// The decoded UTF-8 of a string, without a copy when it has no escapes. Only for strings.
    @inline(__always)
    package func withText<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R { tape[index].withText(in: text, body) }

    /// The members of an object in the order of the text; empty for other kinds.
    package var members: Members { Members(document: document, position: index + 1, end: end(of: .object)) }

    /// The elements of an array in the order of the text; empty for other kinds.
    package var elements: Elements { Elements(document: document, position: index + 1, end: end(of: .array)) }

    private func end(of kind: JSONKind) -> Int { tape[index].kind == kind ? Int(tape[index].next) : 0 }

    package struct Members: Sequence, IteratorProtocol {
        fileprivate let document: Unmanaged<JSONDocument>
        fileprivate var position: Int
        fileprivate let end: Int

        package mutating func next() -> (key: JSONCursor, value: JSONCursor)? {
            guard position < end else { return nil }
            let key = JSONCursor(document, position)
            let value = JSONCursor(document, position + 1)
            position = Int(value.tape[position + 1].next)
            return (key, value)
        }
    }

    package struct Elements: Sequence, IteratorProtocol {
        fileprivate let document: Unmanaged<JSONDocument>
        fileprivate var position: Int
        fileprivate let end: Int

        package mutating func next() -> JSONCursor? {
            guard position < end else { return nil }
            let element = JSONCursor(document, position)
            position = Int(element.tape[position].next)
            return element
        }
    }

    /// Whether this is a string with exactly this text.
    package func equals(_ wanted: StaticString) -> Bool {
        guard kind == .string else { return false }
        return tape[index].hasText(
            UnsafeBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount), in: text)
    }

    /// The member's value, for objects.
    package subscript(key: StaticString) -> JSONCursor? {
        member(UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    /// The member's value, for objects.
    package func member(_ wanted: UnsafeBufferPointer<UInt8>) -> JSONCursor? {
        let tape = tape
        guard tape[index].kind == .object else { return nil }
        let text = text
        let end = Int(tape[index].next)
        var name = index + 1
        while name < end {
            if tape[name].hasText(wanted, in: text) { return JSONCursor(document, name + 1) }
            name = Int(tape[name + 1].next)
        }
        return nil
    }

    /// The element, for arrays; nil outside the bounds.
    package func element(_ place: Int) -> JSONCursor? {
        guard kind == .array, place >= 0, place < count else { return nil }
        let tape = tape
        var position = index + 1
        for _ in 0..<place { position = Int(tape[position].next) }
        return JSONCursor(document, position)
    }
}

extension JSONView {
    /// The same value without keeping the document; see `JSONCursor` for what that asks of the caller.
    package var cursor: JSONCursor { JSONCursor(.passUnretained(document), index) }
}
