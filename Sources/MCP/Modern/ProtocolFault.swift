import JSON

/// Why a message breaks the protocol, as it is told to its sender: a JSON-RPC error and an HTTP status.
package struct ProtocolFault: Error, Sendable, Hashable {
    /// What is wrong; each has one JSON-RPC code and one HTTP status.
    package enum Code: String, Sendable, CaseIterable {
        case missingMeta, badMeta, headerMismatch, missingCapability, unsupportedVersion, unknownMethod, badParams
        case badState, batch

        /// The JSON-RPC error code.
        package var number: Int {
            switch self {
            case .missingMeta, .badMeta, .badParams, .badState: -32_602
            case .headerMismatch: -32_020
            case .missingCapability: -32_021
            case .unsupportedVersion: -32_022
            case .unknownMethod: -32_601
            case .batch: -32_600
            }
        }

        /// The HTTP status of a modern answer. Legacy answers put JSON-RPC errors into a 200.
        package var httpStatus: UInt16 { self == .unknownMethod ? 404 : 400 }
    }

    package let code: Code
    /// One sentence for the sender: what is wrong and how it should be.
    package let message: String
    /// The error's `data`, where the protocol defines one.
    package let data: JSONValue?

    package init(_ code: Code, _ message: String, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    /// - Parameter requested: as the client wrote it; cut to 64 scalars in the message.
    package static func unsupportedVersion(
        _ requested: String, supported: [ProtocolVersion] = ProtocolVersion.modern
    ) -> ProtocolFault {
        ProtocolFault(
            .unsupportedVersion,
            "protocol version `\(shown(requested))` is not spoken here; see data.supported",
            data: [
                "supported": .array(supported.map { .string($0.rawValue) }), "requested": .string(requested),
            ])
    }

    /// - Parameter required: an object shaped like client capabilities.
    package static func missingCapability(_ required: JSONValue, _ message: String) -> ProtocolFault {
        ProtocolFault(.missingCapability, message, data: ["requiredCapabilities": required])
    }

    /// The error as an answer. Without an id the member is left out.
    package func answer(to id: RequestID?) -> [UInt8] {
        RPCWriter.error(id: id, number: code.number, message: message, data: data)
    }

    /// Input from outside as messages show it: one line, no control characters, at most 64 scalars.
    static func shown(_ text: String) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(64) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            shown.append(isControl || scalar == "`" ? "?" : scalar)
        }
        return String(shown) + (text.unicodeScalars.count > 64 ? "…" : "")
    }
}
