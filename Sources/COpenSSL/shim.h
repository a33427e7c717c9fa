#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* These are macros with casts, which Swift can't call. */
static inline int cssl_min_tls12(SSL_CTX *context) { return (int)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION); }
static inline void cssl_release_buffers(SSL_CTX *context) { SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); }
static inline void cssl_cache_mode(SSL_CTX *context, long mode) { SSL_CTX_set_session_cache_mode(context, mode); }
static inline int cssl_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }
static inline int cssl_reason(unsigned long error) { return ERR_GET_REASON(error); }
static inline long cssl_memory(BIO *bio, char **data) { return BIO_get_mem_data(bio, data); }
static inline void cssl_drop_memory(BIO *bio) { (void)BIO_reset(bio); }
static inline size_t cssl_pending(BIO *bio) { return BIO_ctrl_pending(bio); }
static inline unsigned long cssl_oneline(void) { return XN_FLAG_ONELINE; }
static inline uint64_t cssl_no_renegotiation(void) { return SSL_OP_NO_RENEGOTIATION; }
