import Base

/// Who a listener is: a certificate chain and its key, two PEM files. When they change, connections made from then on
/// get the new ones; a pair that can't be used leaves the old one in place. Any thread.
package final class TLSIdentity: Sendable {
    /// What became of files that had changed, for the log.
    package enum Reload: Sendable {
        /// New connections use the new certificate.
        case reloaded(CertificateSummary?)
        /// The new files can't be used; the old certificate stays.
        case kept(RuntimeError)
    }

    /// The certificate as it was when this was made.
    package let certificate: CertificateSummary?
    let source: TLSContextSource

    /// Reads both files; the chain begins with the listener's own certificate. Blocks for as long as that takes.
    /// - Throws: `.tls(.badFile)` with a text that says which file, what is wrong with it and how to mend it: not there,
    ///   not PEM, an encrypted key, a key of another certificate.
    package init(
        certificate: String, key: String, reloaded: @escaping @Sendable (Reload) -> Void = { _ in }
    ) throws(RuntimeError) {
        source = TLSContextSource(
            paths: [certificate, key],
            told: {
                switch $0 {
                case .reloaded(let context): reloaded(.reloaded(context.certificate))
                case .kept(let error): reloaded(.kept(error))
                }
            },
            make: { () throws(RuntimeError) in try TLSContext.server(chain: certificate, key: key) })
        self.certificate = try source.load().certificate
    }
}
