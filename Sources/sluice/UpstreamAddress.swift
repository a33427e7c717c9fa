import HTTP
import Runtime

/// The check of a URL at registration. Names are checked again when they are resolved, before each connection.
enum UpstreamAddress {
    static func check(_ url: String, allowPrivate: Bool) throws(Failure) {
        let parsed: HTTPURL
        do throws(HTTPError) {
            parsed = try HTTPURL(url, allowPrivate: allowPrivate)
        } catch {
            throw Failure(.usage, "--url is not usable: \(error.detail)")
        }
        let host = parsed.origin.host
        let isLocalName = host == "localhost" || host.hasSuffix(".localhost")
        let isOwn = isLocalName || SocketAddress(ip: host, port: parsed.origin.port).map { !$0.isPublic } == true
        if isOwn, !allowPrivate {
            throw Failure(
                .usage, "\(host) is a loopback, private or link-local address",
                mend: "if that is meant, add --allow-private")
        }
    }
}
