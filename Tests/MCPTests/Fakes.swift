import Base
import JSON
import MCP

/// A digest for tests: FNV-1a over and over. Not for keeping secrets.
func fakeDigest(_ bytes: [UInt8]) -> [UInt8] {
    var digest: [UInt8] = []
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for round in 0..<4 {
        for byte in bytes + [UInt8(round)] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        // FNV alone hardly moves the high bits for short texts.
        var mixed = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        mixed = (mixed ^ (mixed >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        for shift in 0..<8 { digest.append(UInt8(truncatingIfNeeded: mixed >> UInt64(56 - 8 * shift))) }
    }
    return digest
}

/// Seals by a tag behind the plain bytes: enough to see what is bound and what is refused.
struct FakeSealer: StateSealer {
    var key: UInt8 = 1

    func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8] { plain + fakeDigest([key] + context + [0] + plain) }

    func open(_ sealed: [UInt8], context: [UInt8]) -> [UInt8]? {
        guard sealed.count >= 32 else { return nil }
        let plain = Array(sealed.dropLast(32))
        return seal(plain, context: context) == sealed ? plain : nil
    }
}

func view(_ text: String) throws -> JSONView { try JSONDocument.parse(Array(text.utf8)).root }

/// The text after edits of its root.
func edited(_ text: String, _ edit: (JSONView, inout JSONSplice) throws -> Void) throws -> String {
    let document = try JSONDocument.parse(Array(text.utf8))
    var splice = JSONSplice(document)
    try edit(document.root, &splice)
    return String(decoding: splice.applied(), as: UTF8.self)
}

func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
