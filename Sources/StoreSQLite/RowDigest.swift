import COpenSSL
import Store

/// SHA-256 with a context that is used again: fetching the algorithm anew costs more than hashing a row.
final class RowDigest {
    private let context: OpaquePointer
    private let algorithm: OpaquePointer

    init() throws(StoreError) {
        guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil), let context = EVP_MD_CTX_new() else {
            throw StoreError(.io, "OpenSSL has no SHA-256", help: "check the OpenSSL configuration")
        }
        self.algorithm = algorithm
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_free(algorithm)
    }

    /// Writes 32 bytes to `out`; false when OpenSSL failed.
    func hash(_ bytes: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<UInt8>) -> Bool {
        EVP_DigestInit_ex2(context, algorithm, nil) == 1
            && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
            && EVP_DigestFinal_ex(context, out, nil) == 1
    }
}
