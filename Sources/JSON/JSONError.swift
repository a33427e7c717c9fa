import Base

/// Why a text is no JSON that we accept, and where.
package struct JSONError: Error, Sendable, Hashable {
    package enum Code: String, Sendable, CaseIterable {
        case empty, unexpectedByte, unterminated, invalidNumber, invalidEscape, loneSurrogate, invalidUTF8
        case controlCharacter, duplicateKey, tooDeep, tooLarge, tooManyTokens, trailingData, byteOrderMark
    }

    package let code: Code
    /// Bytes from the start of the text.
    package let offset: Int

    package init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    /// One sentence without the position and without any of the text itself.
    package var message: String {
        switch code {
        case .empty: "the text is empty; a JSON value is needed"
        case .unexpectedByte: "this character can't stand here"
        case .unterminated: "the text ends inside a value"
        case .invalidNumber: "this is no JSON number"
        case .invalidEscape: "this escape sequence does not exist in JSON"
        case .loneSurrogate: "a \\u escape names half of a surrogate pair"
        case .invalidUTF8: "these bytes are not UTF-8"
        case .controlCharacter: "a control character inside a string has to be written as an escape"
        case .duplicateKey: "this key stands twice in the same object"
        case .tooDeep: "arrays and objects are nested too deeply"
        case .tooLarge: "the text is larger than the limit"
        case .tooManyTokens: "the text has more values than the limit"
        case .trailingData: "something follows after the end of the value"
        case .byteOrderMark: "the text starts with a byte order mark; remove it"
        }
    }

    /// Line and column of the error in the text it came from.
    package func position(in bytes: [UInt8]) -> SourcePosition {
        SourcePosition(offset: offset, in: bytes)
    }
}
