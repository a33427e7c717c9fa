import Base

/// 32 bytes that came out of a keyed hash, as four words: no allocation, and compared without an early end.
package struct Bytes32: Sendable, Hashable {
    @usableFromInline var a: UInt64
    @usableFromInline var b: UInt64
    @usableFromInline var c: UInt64
    @usableFromInline var d: UInt64

    /// Nil unless there are 32 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        (a, b, c, d) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &self) { $0.copyBytes(from: bytes) }
    }

    /// Has `body` fill the 32 bytes.
    package init(filledBy body: (UnsafeMutableRawBufferPointer) -> Void) {
        (a, b, c, d) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &self) { body($0) }
    }

    /// The 32 bytes, for storing.
    package var bytes: [UInt8] { withUnsafeBytes(of: self) { Array($0) } }

    /// Reads the bytes in place.
    package func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeBytes(of: self) { body($0) }
    }

    /// Takes the same time whether they differ early, late or not at all.
    package static func == (x: Bytes32, y: Bytes32) -> Bool {
        ((x.a ^ y.a) | (x.b ^ y.b) | (x.c ^ y.c) | (x.d ^ y.d)) == 0
    }
}

/// A keyed hash as the store keeps it. Each kind is a type of its own, so that none is taken for another.
package protocol StoredHash: Sendable, Hashable, CustomStringConvertible {
    /// The hash itself.
    var value: Bytes32 { get }

    init(_ value: Bytes32)
}

extension StoredHash {
    /// Nil unless there are 32 bytes.
    package init?(bytes: [UInt8]) {
        guard let value = Bytes32(bytes) else { return nil }
        self.init(value)
    }

    /// The 32 bytes, for storing.
    package var bytes: [UInt8] { value.bytes }
}

/// The keyed hash of a token: what is stored in its place, and what a grant is looked up by.
package struct TokenHash: StoredHash {
    /// The hash itself.
    package let value: Bytes32

    package init(_ value: Bytes32) {
        self.value = value
    }

    package var description: String { "<token hash>" }
}

/// The keyed hash of a call's arguments: equal arguments can be recognised, values can't be guessed without the key.
package struct ArgumentDigest: StoredHash {
    /// The hash itself.
    package let value: Bytes32

    package init(_ value: Bytes32) {
        self.value = value
    }

    /// 64 lower-case hexadecimal digits.
    package var hex: String { value.withBytes { Hex.encode($0) } }
    package var description: String { hex }
}

/// Hashes with the installation's key. Usable on any thread; never touches the database.
package protocol KeyedHasher: Sendable {
    /// The hash under which a grant's or an admin's token is stored. About 0.3 µs.
    func tokenHash(_ token: UnsafeRawBufferPointer) -> TokenHash
    /// The ledger's `argument_digest` of the bytes given.
    func argumentDigest(_ arguments: UnsafeRawBufferPointer) -> ArgumentDigest
}

extension KeyedHasher {
    /// `tokenHash` of a token's bytes, for example a slice of a header.
    package func tokenHash(_ token: ArraySlice<UInt8>) -> TokenHash {
        token.withUnsafeBytes { tokenHash($0) }
    }

    /// `tokenHash` of a token's text.
    package func tokenHash(_ token: String) -> TokenHash {
        var token = token
        return token.withUTF8 { tokenHash(UnsafeRawBufferPointer($0)) }
    }

    /// `argumentDigest` of a slice of the message.
    package func argumentDigest(_ arguments: ArraySlice<UInt8>) -> ArgumentDigest {
        arguments.withUnsafeBytes { argumentDigest($0) }
    }

    /// `argumentDigest` of bytes made for it, for example the canonical form.
    package func argumentDigest(_ arguments: [UInt8]) -> ArgumentDigest {
        arguments.withUnsafeBytes { argumentDigest($0) }
    }
}
