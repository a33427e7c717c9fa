import Base
import COpenSSL
import CUV
import Glibc

/// What people need to know of a certificate.
package struct CertificateSummary: Sendable, Hashable {
    /// Whom it names, for example `CN = gateway.example`.
    package let subject: String
    /// Who signed it.
    package let issuer: String
    /// What it is for, for example `DNS:gateway.example, IP Address:10.0.0.1`; empty if it says nothing.
    package let names: String
    /// Its last second.
    package let notAfter: Instant?

    /// Reads an OpenSSL certificate.
    init(_ certificate: OpaquePointer) {
        subject = Self.name(X509_get_subject_name(certificate))
        issuer = Self.name(X509_get_issuer_name(certificate))
        names = Self.alternativeNames(certificate)
        notAfter = Self.instant(X509_get0_notAfter(certificate))
    }

    private static func name(_ name: OpaquePointer?) -> String {
        printed { X509_NAME_print_ex($0, name, 0, cssl_oneline()) }
    }

    private static func alternativeNames(_ certificate: OpaquePointer) -> String {
        let index = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1)
        guard index >= 0, let names = X509_get_ext(certificate, index) else { return "" }
        return printed { X509V3_EXT_print($0, names, 0, 0) }
    }

    static func instant(_ time: UnsafePointer<ASN1_TIME>?) -> Instant? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return Instant(microseconds: Int64(timegm(&parts)) * 1_000_000)
    }

    /// Has OpenSSL print; what comes from the other side loses its control bytes and its length.
    private static func printed(_ body: (OpaquePointer?) -> Int32) -> String {
        guard let memory = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(memory) }
        _ = body(memory)
        return withUnsafeTemporaryAllocation(byteCount: 300, alignment: 1) { buffer in
            let count = max(0, Int(BIO_read(memory, buffer.baseAddress, Int32(buffer.count))))
            let isCut = count == buffer.count
            let clean = buffer[..<count].map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
            return String(decoding: clean, as: UTF8.self) + (isCut ? "…" : "")
        }
    }
}
