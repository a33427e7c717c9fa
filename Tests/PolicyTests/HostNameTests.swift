import Testing

@testable import Policy

@Suite struct HostNameTests {
    static let hosts: [(String, String?)] = [
        ("https://example.com/a", "example.com"), ("HTTPS://EXAMPLE.com:443/a?b#c", "example.com"),
        ("http://user:pw@example.com", "example.com"), ("http://example.com.", "example.com"),
        ("ftp://example.com:21", "example.com"), ("http://example.com:", "example.com"),
        ("wss://a-b.example/", "a-b.example"),
        ("http://127.0.0.1/", "127.0.0.1"), ("http://127.1/", "127.0.0.1"), ("http://0x7f000001/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"), ("http://017700000001/", "127.0.0.1"),
        ("http://0x7f.0.0.0x1:80/", "127.0.0.1"),
        ("http://256.1.1.1/", nil), ("http://1.2.3.4.5/", nil), ("http://1.2.3.08/", nil), ("http://4294967296/", nil),
        ("http://[::1]:80/", "::1"), ("http://[2001:DB8:0:0:0:0:0:1]/", "2001:db8::1"),
        ("http://[::ffff:127.0.0.1]/", "127.0.0.1"),
        ("http://[::ffff:7f00:1]/", "127.0.0.1"), ("http://[1:0:0:2:0:0:0:3]/", "1:0:0:2::3"),
        ("http://[::1%25eth0]/", nil),
        ("http://[::1", nil), ("http://[::1]x/", nil), ("http://[127.0.0.1]/", nil),
        ("http://B\u{fc}cher.example/", "xn--bcher-kva.example"),
        ("http://B\u{dc}CHER.example/", "xn--bcher-kva.example"),
        ("http://b%C3%BCcher.example/", "xn--bcher-kva.example"),
        ("http://\u{4f8b}\u{3048}.\u{30c6}\u{30b9}\u{30c8}/", "xn--r8jz45g.xn--zckzah"),
        ("http://example\u{3002}com/", "example.com"), ("http://\u{ff45}xample.com/", "example.com"),
        ("http://e%78ample.com/", "example.com"),
        ("http://fa\u{df}.de/", nil), ("http://bu\u{308}cher.example/", nil), ("http://ex\u{200d}ample.com/", nil),
        ("http://\u{fb01}.example/", nil),
        ("http://a@b@example.com/", nil), ("http://good.example\\@evil.example/", nil), ("http:\\\\evil.example/", nil),
        ("http://exa mple.com/", nil), ("http://exa\tmple.com/", nil), (" http://example.com/", nil),
        ("http:///example.com", nil),
        ("//example.com/a", nil), ("/a/b", nil), ("example.com", nil), ("mailto:a@example.com", nil),
        ("file:///etc/passwd", nil),
        ("http:example.com", nil), ("1http://example.com", nil), ("http://", nil), ("http://:80/", nil),
        ("http://example.com:8a/", nil),
        ("http://exa%mple.com/", nil), ("http://a..b/", nil), ("http://example.com%2f@evil.example/", "evil.example"),
        ("", nil),
        ("http://%00/", nil), ("http://a_b.example/", "a_b.example"),
    ]

    @Test(arguments: hosts.indices) func host(_ index: Int) {
        let (url, host) = Self.hosts[index]
        #expect(HostName.of(url: Array(url.utf8)) == host, "\(url)")
    }
}
