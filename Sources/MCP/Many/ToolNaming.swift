/// What the tools and prompts of several servers are called behind one endpoint: `server__tool`, at most 64 characters of
/// `A-Za-z0-9_-`.
///
/// A name depends on its own server and tool alone, never on what else there is, so it stays the same when servers come and
/// go. Two forms:
///
/// - plain, `server__tool`, where that is short enough and made of allowed characters. Server names have no `__` in them, so
///   the first `__` ends the server's;
/// - hashed, `server__tool_h` and 12 characters (60 bits of a digest of both), with both parts cut and other characters
///   replaced by `_`, for everything else. No plain name ends like that: a tool that is called so is hashed too.
///
/// Two different tools can't share a plain name, nor a plain and a hashed one. Two hashed ones could by a collision of the
/// digest, which `NameTable` finds.
package struct ToolNaming: Sendable {
    /// At least 8 bytes from any bytes; SHA-256. Given from outside, because this floor has no cryptography.
    package typealias Digest = @Sendable ([UInt8]) -> [UInt8]

    /// The longest name, in characters.
    package static let maximumLength = 64
    private static let hashLength = 12
    private static let serverShare = 24

    private let digest: Digest

    package init(digest: @escaping Digest) {
        self.digest = digest
    }

    /// - Parameters:
    ///   - server: a stored server name: lower-case letters, digits, `_` and `-`, without `__`.
    ///   - name: a tool's or prompt's name, whatever the server wrote.
    package func exposed(_ name: String, of server: String) -> String {
        let plain = server + "__" + name
        if isPlain(plain, name: name, server: server) { return plain }
        let hash = hashText(Array(server.utf8) + [0] + Array(name.utf8))
        let serverPart = server.utf8.prefix(Self.serverShare).map { Self.isAllowed($0) ? $0 : UInt8(ascii: "_") }
        let room = Self.maximumLength - serverPart.count - 2 - 2 - Self.hashLength
        // One `_` for each character, not for each byte, so that other scripts leave a short trace.
        let namePart = name.unicodeScalars.prefix(room).map { scalar in
            scalar.isASCII && Self.isAllowed(UInt8(truncatingIfNeeded: scalar.value))
                ? UInt8(truncatingIfNeeded: scalar.value) : UInt8(ascii: "_")
        }
        return String(decoding: serverPart, as: UTF8.self) + "__" + String(decoding: namePart, as: UTF8.self) + "_h"
            + hash
    }

    private func isPlain(_ plain: String, name: String, server: String) -> Bool {
        guard plain.utf8.count <= Self.maximumLength, !name.isEmpty, !server.isEmpty, server.utf8.last != 0x5F,
            plain.utf8.allSatisfy(Self.isAllowed)
        else { return false }
        let tail = plain.utf8.suffix(Self.hashLength + 2)
        return !(tail.starts(with: "_h".utf8) && tail.dropFirst(2).allSatisfy(Self.alphabet.contains))
    }

    /// The first 60 bits, 5 to a character.
    private func hashText(_ bytes: [UInt8]) -> String {
        let bits = digest(bytes).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let characters = (0..<Self.hashLength).map { Self.alphabet[Int(bits >> UInt64(59 - 5 * $0) & 31)] }
        return String(decoding: characters, as: UTF8.self)
    }

    private static let alphabet = Array("0123456789abcdefghijklmnopqrstuv".utf8)

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}

/// Which server and name an exposed name stands for: a table, because hashed names can't be taken apart.
package struct NameTable: Sendable {
    /// A tool or prompt of a server.
    package struct Target: Sendable, Hashable {
        package let server: String
        package let name: String

        package init(server: String, name: String) {
            self.server = server
            self.name = name
        }
    }

    /// Two different targets with the same exposed name. Neither can be called: to prefer one would let a server take
    /// another's place.
    package struct Collision: Sendable, Hashable {
        package let exposed: String
        package let targets: [Target]
    }

    private let naming: ToolNaming
    private var targets: [String: [Target]] = [:]

    package init(_ naming: ToolNaming) {
        self.naming = naming
    }

    /// Puts a server's names in place of those it had; others stay.
    package mutating func set(_ names: [String], of server: String) {
        remove(server)
        for name in Set(names) {
            targets[naming.exposed(name, of: server), default: []].append(Target(server: server, name: name))
        }
    }

    /// Forgets a server's names.
    package mutating func remove(_ server: String) {
        for (exposed, list) in targets where list.contains(where: { $0.server == server }) {
            let rest = list.filter { $0.server != server }
            targets[exposed] = rest.isEmpty ? nil : rest
        }
    }

    /// What an exposed name stands for. Nil if nothing, or if two things.
    package func target(of exposed: String) -> Target? {
        guard let list = targets[exposed], list.count == 1 else { return nil }
        return list[0]
    }

    /// The exposed name of a tool or prompt that may be shown; nil if it collides or is not in the table.
    package func exposed(_ name: String, of server: String) -> String? {
        let exposed = naming.exposed(name, of: server)
        return target(of: exposed) == Target(server: server, name: name) ? exposed : nil
    }

    /// All collisions, by exposed name.
    package var collisions: [Collision] {
        targets.filter { $0.value.count > 1 }.map { Collision(exposed: $0.key, targets: $0.value) }
            .sorted { $0.exposed < $1.exposed }
    }
}
