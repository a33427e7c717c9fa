import Base
import CSodium
import Glibc
import MCP
import Store

/// The installation's key, `secret.key`, and the keys derived from it. Immutable: usable on any thread.
package final class SecretKey: KeyedHasher {
    /// What a sub-key is for. The numbers are part of what is stored: never reuse one.
    private enum Purpose: UInt64 {
        case tokens = 1
        case arguments = 2
        case sealing = 3
        case ledger = 4
        case check = 5
    }

    static let byteCount = 32
    private let tokens: [UInt8]
    private let arguments: [UInt8]
    private let sealing: [UInt8]
    private let ledger: [UInt8]
    private let check: [UInt8]

    /// Derives the sub-keys of `master`, which is wiped.
    private init(master: inout [UInt8]) {
        func derive(_ purpose: Purpose, from master: [UInt8]) -> [UInt8] {
            var key = [UInt8](repeating: 0, count: SecretKey.byteCount)
            // "sluice01": libsodium's context of a derivation is 8 bytes.
            let context: [CChar] = [115, 108, 117, 105, 99, 101, 48, 49]
            crypto_kdf_derive_from_key(&key, key.count, purpose.rawValue, context, master)
            return key
        }
        tokens = derive(.tokens, from: master)
        arguments = derive(.arguments, from: master)
        sealing = derive(.sealing, from: master)
        ledger = derive(.ledger, from: master)
        check = derive(.check, from: master)
        sodium_memzero(&master, master.count)
    }

    package func tokenHash(_ token: UnsafeRawBufferPointer) -> TokenHash {
        TokenHash(SecretKey.keyedHash(token, tokens))
    }

    package func argumentDigest(_ bytes: UnsafeRawBufferPointer) -> ArgumentDigest {
        ArgumentDigest(SecretKey.keyedHash(bytes, arguments))
    }

    /// Vouches for a place in the ledger; see docs/ledger.md, "Seals".
    func seal(kind: UInt8, seq: Int64, hash: [UInt8]) -> [UInt8] {
        var message: [UInt8] = [kind]
        withUnsafeBytes(of: seq.bigEndian) { message.append(contentsOf: $0) }
        message.append(contentsOf: hash)
        return message.withUnsafeBytes { SecretKey.keyedHash($0, ledger) }.bytes
    }

    /// The same, of and to 32 bytes that stay where they are: it is made with every commit.
    func seal(kind: UInt8, seq: Int64, hash: UnsafePointer<UInt8>, into out: UnsafeMutablePointer<UInt8>) {
        withUnsafeTemporaryAllocation(byteCount: 41, alignment: 8) { message in
            message[0] = kind
            message.storeBytes(of: seq.bigEndian, toByteOffset: 1, as: Int64.self)
            UnsafeMutableRawBufferPointer(rebasing: message[9...]).copyMemory(
                from: UnsafeRawBufferPointer(start: hash, count: 32))
            let source = message.baseAddress?.assumingMemoryBound(to: UInt8.self)
            crypto_generichash(out, 32, source, UInt64(message.count), ledger, ledger.count)
        }
    }

    /// Vouches for a record of the journal, 32 bytes; see docs/ledger.md, "The journal".
    /// - Parameter state: `hashState` bytes of the caller's, aligned to 64.
    func seal(
        record head: UnsafeRawBufferPointer, _ rows: UnsafeRawBufferPointer, into out: UnsafeMutableRawPointer,
        state: UnsafeMutableRawPointer
    ) {
        let state = OpaquePointer(state)
        var kind: UInt8 = 2
        crypto_generichash_init(state, ledger, ledger.count, 32)
        crypto_generichash_update(state, &kind, 1)
        crypto_generichash_update(state, head.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(head.count))
        crypto_generichash_update(state, rows.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(rows.count))
        crypto_generichash_final(state, out.assumingMemoryBound(to: UInt8.self), 32)
    }

    /// The same for those who are in no hurry.
    func seal(record head: UnsafeRawBufferPointer, _ rows: UnsafeRawBufferPointer) -> [UInt8] {
        withUnsafeTemporaryAllocation(byteCount: SecretKey.hashState, alignment: 64) { state in
            [UInt8](unsafeUninitializedCapacity: 32) { out, count in
                guard let target = out.baseAddress, let state = state.baseAddress else { return }
                seal(record: head, rows, into: target, state: state)
                count = 32
            }
        }
    }

    static var hashState: Int { crypto_generichash_statebytes() }

    /// What the database keeps to notice that it is opened with another folder's key.
    var fingerprint: [UInt8] {
        let text: StaticString = "sluice secret.key"
        let bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return SecretKey.keyedHash(bytes, check).bytes
    }

    /// Encrypts and authenticates; `place` says where the result is stored, so that it opens nowhere else.
    func seal(_ plain: [UInt8], place: String) -> [UInt8] {
        var nonce = [UInt8](repeating: 0, count: SecretKey.nonceBytes)
        randombytes_buf(&nonce, nonce.count)
        var sealed = [UInt8](repeating: 0, count: plain.count + SecretKey.tagBytes)
        let place = Array(place.utf8)
        crypto_aead_xchacha20poly1305_ietf_encrypt(
            &sealed, nil, plain, UInt64(plain.count), place, UInt64(place.count), nil, nonce, sealing)
        return nonce + sealed
    }

    /// Nil when it was sealed with another key or for another place, or was changed.
    func open(_ sealed: [UInt8], place: String) -> [UInt8]? {
        guard sealed.count >= SecretKey.nonceBytes + SecretKey.tagBytes else { return nil }
        let nonce = Array(sealed[..<SecretKey.nonceBytes])
        let body = Array(sealed[SecretKey.nonceBytes...])
        var plain = [UInt8](repeating: 0, count: body.count - SecretKey.tagBytes)
        let place = Array(place.utf8)
        let code = crypto_aead_xchacha20poly1305_ietf_decrypt(
            &plain, nil, nil, body, UInt64(body.count), place, UInt64(place.count), nonce, sealing)
        return code == 0 ? plain : nil
    }

    private static let nonceBytes = 24
    private static let tagBytes = 16

    private static func keyedHash(_ bytes: UnsafeRawBufferPointer, _ key: [UInt8]) -> Bytes32 {
        Bytes32 { out in
            guard let target = out.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            let source = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            crypto_generichash(target, out.count, source, UInt64(bytes.count), key, key.count)
        }
    }

    // MARK: Random values

    /// `prefix` and 43 base64url characters of 32 random bytes.
    static func makeToken(prefix: String) -> Secret {
        var bytes = [UInt8](repeating: 0, count: 32)
        randombytes_buf(&bytes, bytes.count)
        defer { sodium_memzero(&bytes, bytes.count) }
        return Secret(prefix + Base64.encodeURL(bytes))
    }

    /// `prefix` and 16 characters that a person can read aloud: 80 random bits.
    static func makeID(prefix: String) -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
        var bytes = [UInt8](repeating: 0, count: 16)
        randombytes_buf(&bytes, bytes.count)
        return prefix + String(decoding: bytes.map { alphabet[Int($0 & 31)] }, as: UTF8.self)
    }

    // MARK: The file

    /// Reads the key at `path`; with `create`, makes it first when it isn't there.
    static func load(_ path: String, create: Bool) throws(StoreError) -> SecretKey {
        guard sodium_init() >= 0 else {
            throw StoreError(.io, "libsodium could not start", help: "check that /dev/urandom can be read")
        }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            let reason = errno
            if reason == ENOENT, create {
                try make(path)
                return try load(path, create: false)
            }
            throw StoreError(
                .secretKey, "cannot read the key `\(path)`: \(errorText(reason))",
                help: reason == ENOENT
                    ? "restore it from a backup: without it, tokens and stored credentials are of no use"
                    : "it must be a file that this user can read")
        }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw StoreError(.secretKey, "the key `\(path)` is not a regular file", help: "restore it from a backup")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw StoreError(
                .secretKey,
                "the key `\(path)` is open to others (mode \(String(status.st_mode & 0o777, radix: 8)))",
                help: "chmod 600 \(path), and think of replacing it if others could have read it")
        }
        var master = [UInt8](repeating: 0, count: byteCount + 1)
        let count = master.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count == byteCount else {
            throw StoreError(
                .secretKey, "the key `\(path)` has \(status.st_size) bytes in place of \(byteCount)",
                help: "restore it from a backup")
        }
        master.removeLast()
        return SecretKey(master: &master)
    }

    /// Writes a new key beside `path` and links it there, so that it appears whole or not at all, and never replaces one.
    private static func make(_ path: String) throws(StoreError) {
        func failure(_ reason: Int32) -> StoreError {
            StoreError(
                .directory, "cannot make the key `\(path)`: \(errorText(reason))",
                help: "make the folder writable for this user")
        }
        var key = [UInt8](repeating: 0, count: byteCount)
        randombytes_buf(&key, key.count)
        defer { sodium_memzero(&key, key.count) }
        let draft = makeID(prefix: path + ".")
        let descriptor = Glibc.open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { unlink(draft) }
        let written = write(descriptor, key, key.count)
        let reason = errno
        let synced = fsync(descriptor)
        Glibc.close(descriptor)
        guard written == key.count, synced == 0 else { throw failure(written < 0 ? reason : ENOSPC) }
        guard link(draft, path) == 0 || errno == EEXIST else { throw failure(errno) }
    }
}

/// The system's words for an `errno`.
func errorText(_ code: Int32) -> String {
    String(cString: strerror(code)).lowercased()
}

/// Texts that the gateway gives away and gets back.
extension SecretKey: StateSealer {
    package func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8] { seal(plain, place: Self.place(context)) }
    package func open(_ sealed: [UInt8], context: [UInt8]) -> [UInt8]? { open(sealed, place: Self.place(context)) }

    /// Apart from all places in the database.
    private static func place(_ context: [UInt8]) -> String { "state:" + Hex.encode(context) }
}

/// SHA-256 of the bytes; 32 bytes.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    crypto_hash_sha256(&out, bytes, UInt64(bytes.count))
    return out
}
