/// Why TLS refused to go on: a closed list, each with what it means and how to mend it.
package enum TLSFailure: String, Sendable, Hashable, CaseIterable {
    /// A certificate of the other side's chain is out of date.
    case certificateExpired = "certificate_expired"
    /// A certificate of the other side's chain is not valid yet.
    case certificateNotYetValid = "certificate_not_yet_valid"
    /// Nobody we trust has signed the other side's certificate.
    case unknownAuthority = "unknown_authority"
    /// The certificate is for other names than the one that was asked for.
    case nameMismatch = "name_mismatch"
    /// Any other reason to refuse a certificate.
    case certificateRefused = "certificate_refused"
    /// The other side sent an alert.
    case refusedByPeer = "refused_by_peer"
    /// No TLS at all, or no version or cipher that both accept.
    case noCommonProtocol = "no_common_protocol"
    /// A record or message that breaks the protocol, or was tampered with.
    case brokenProtocol = "broken_protocol"
    /// The connection was ended without the closing message: what came may not be all.
    case truncated = "truncated"
    /// The handshake took too long.
    case handshakeTimeout = "handshake_timeout"
    /// A certificate, key or CA file can't be used.
    case badFile = "bad_file"

    /// One line for people. `context` says where and what.
    func message(_ context: String) -> String {
        switch self {
        case .certificateExpired:
            "the certificate of \(context): renew it there, or check this machine's clock"
        case .certificateNotYetValid:
            "the certificate of \(context): check this machine's clock, and that server's certificate"
        case .unknownAuthority:
            "the certificate of \(context): if that authority is your own, give its certificate as CA file (--ca)"
        case .nameMismatch:
            "the certificate of \(context): use one of its names in the URL, or have a certificate made for this one"
        case .certificateRefused: "the certificate of \(context): it has to be replaced on that server"
        case .refusedByPeer: "TLS with \(context)"
        case .noCommonProtocol: "no TLS with \(context): check scheme and port; TLS 1.2 or later is needed"
        case .brokenProtocol: "TLS with \(context) broke"
        case .truncated:
            "\(context) ended the connection without TLS's closing message: what came may have been cut off"
        case .handshakeTimeout: "the TLS handshake with \(context) took too long"
        case .badFile: context
        }
    }
}
