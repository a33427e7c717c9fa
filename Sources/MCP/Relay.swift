import Base
import JSON

/// The places in which a relayed message changes. Everything else goes on byte by byte.
package enum Relay {
    /// A client's request as it goes upstream: our id, our progress token (the same number).
    package static func request(_ message: RPCMessage, upstreamID: Int64) -> [UInt8] {
        var number: [UInt8] = []
        number.reserveCapacity(20)
        number.append(decimal: upstreamID)
        var splice = Splice()
        if let range = message.idRange { splice.replace(range, with: number) }
        if let token = message.progressToken { splice.replace(token.range, with: number) }
        return splice.applied(to: message.document.bytes)
    }

    /// A message with another id and nothing else changed.
    package static func renumbered(_ message: RPCMessage, _ id: RequestID) -> [UInt8] {
        var splice = Splice()
        if let range = message.idRange { splice.replace(range, with: id.raw) }
        return splice.applied(to: message.document.bytes)
    }

    /// An upstream's response as it goes to the client: the client's id, and our member in the result's `_meta`, if any.
    package static func response(_ message: RPCMessage, clientID: RequestID, meta: MetaMember? = nil)
        -> [UInt8]
    {
        var splice = Splice()
        if let range = message.idRange {
            splice.replace(range, with: clientID.raw)
        } else {
            splice.insertMember(Array("\"id\":".utf8) + clientID.raw, into: message.document.root)
        }
        if case .response(_, isError: false) = message.kind, let result = message.outcome, result.kind == .object {
            settleMeta(of: result, meta, in: &splice)
        }
        return splice.applied(to: message.document.bytes)
    }

    /// An upstream's progress notification as it goes to the client: the client's token, with its JSON type.
    package static func progress(_ message: RPCMessage, clientToken: [UInt8]) -> [UInt8]? {
        guard let token = message.params?["progressToken"] else { return nil }
        var splice = Splice()
        splice.replace(token.range, with: clientToken)
        return splice.applied(to: message.document.bytes)
    }

    /// Line breaks between tokens become spaces, so that a message fits on one line (stdio). JSON strings can't hold any.
    package static func singleLine(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return bytes }
        return bytes.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    }

    /// Puts our member into the result's `_meta`, and takes out what the upstream has written there in our name.
    private static func settleMeta(of result: JSONView, _ meta: MetaMember?, in splice: inout Splice) {
        guard let existing = result["_meta"] else {
            guard let meta else { return }
            var member: [UInt8] = []
            member.reserveCapacity(meta.member.count + 16)
            member.append(contentsOf: "\"_meta\":{".utf8)
            member.append(contentsOf: meta.member)
            member.append(UInt8(ascii: "}"))
            return splice.insertMember(member, into: result)
        }
        guard existing.kind == .object else { return }
        guard existing.members.contains(where: { $0.key.string?.hasPrefix(ownPrefix) == true }) else {
            if let meta { splice.insertMember(meta.member, into: existing) }
            return
        }
        var members = meta.map { [$0.member] } ?? []
        for (key, value) in existing.members where key.string?.hasPrefix(ownPrefix) != true {
            members.append(key.rawBytes + [UInt8(ascii: ":")] + value.rawBytes)
        }
        let object = [UInt8(ascii: "{")] + members.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "}")]
        splice.replace(existing.range, with: object)
    }

    /// Keys of `_meta` that only the gateway writes.
    private static let ownPrefix = "sluice/"
}

/// A member of `_meta` that is ours: its key, and `"key":value` ready to be put in.
package struct MetaMember: Sendable {
    package let key: String
    package let member: [UInt8]

    /// - Parameters:
    ///   - key: without anything that JSON would escape.
    ///   - value: a JSON value.
    package init(key: String, value: [UInt8]) {
        self.init(key: key) { $0.append(contentsOf: value) }
    }

    /// - Parameter write: appends a JSON value.
    package init(key: String, writing write: (inout [UInt8]) -> Void) {
        self.key = key
        var member: [UInt8] = []
        member.reserveCapacity(key.utf8.count + 160)
        member.append(UInt8(ascii: "\""))
        member.append(contentsOf: key.utf8)
        member.append(UInt8(ascii: "\""))
        member.append(UInt8(ascii: ":"))
        write(&member)
        self.member = member
    }
}
