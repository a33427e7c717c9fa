/// Why a gateway could not start.
package struct GatewayError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        case listen, store, ledger
    }

    package let code: Code
    /// What went wrong, and where.
    package let message: String
    /// How to mend it.
    package let help: String

    package var description: String { help.isEmpty ? message : "\(message); \(help)" }
}
