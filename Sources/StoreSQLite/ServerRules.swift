import Store

/// What a server's record may hold. Whether the address may be called is for those who call it.
enum ServerRules {
    private static let maximumText = 8_192
    private static let maximumCount = 256

    static func check(_ server: Server) throws(StoreError) {
        try Name.check(server.name, of: .server)
        if let problem = server.settings.problem {
            throw StoreError(.invalidValue, problem, help: "give another value, or leave it out")
        }
        if case .http = server.transport, server.settings.perSession || server.settings.limitsResources {
            throw StoreError(
                .invalidValue, "a child for each session and limits of resources are for commands",
                help: "leave them out for a server with a URL")
        }
        switch server.transport {
        case .http(let url, let headers):
            try check(url: url)
            try check(tls: server.tls, url: url)
            try check(count: headers.count, "headers")
            for header in headers { try check(header: header) }
        case .stdio(let command, let inherit, let variables, let directory):
            guard server.tls == ServerTLS() else {
                throw StoreError(.invalidValue, "a command needs no files for TLS", help: "leave them out")
            }
            guard let program = command.first, !program.isEmpty else {
                throw StoreError(.invalidValue, "the command is empty", help: "give the program after `--`")
            }
            try check(count: command.count, "command arguments")
            for text in command { try check(text: text, "a command argument") }
            try check(count: inherit.count + variables.count, "environment variables")
            for name in inherit + variables.map(\.name) {
                guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "=")) else {
                    throw StoreError(
                        .invalidValue, "the environment variable name \(Name.quoted(name)) can't be used",
                        help: "use a name without `=`")
                }
                try check(text: name, "an environment variable name")
            }
            for variable in variables {
                try check(text: variable.value.revealed, "the value of \(Name.quoted(variable.name))")
            }
            if let directory {
                guard directory.utf8.first == UInt8(ascii: "/") else {
                    throw StoreError(
                        .invalidValue, "the start folder \(Name.quoted(directory)) is not absolute",
                        help: "give the whole path")
                }
                try check(text: directory, "the start folder")
            }
        }
    }

    private static func check(tls: ServerTLS, url: String) throws(StoreError) {
        guard tls != ServerTLS() else { return }
        guard url.prefix(8).lowercased() == "https://" else {
            throw StoreError(
                .invalidValue, "files for TLS are given, but the URL \(Name.quoted(url)) is not https",
                help: "use an https:// URL, or leave them out")
        }
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw StoreError(
                .invalidValue, "a client certificate and its key belong together", help: "give both or none")
        }
        for path in [tls.authorities, tls.certificate, tls.key].compactMap({ $0 }) {
            guard path.utf8.first == UInt8(ascii: "/") else {
                throw StoreError(
                    .invalidValue, "the file \(Name.quoted(path)) is not absolute", help: "give the whole path")
            }
            try check(text: path, "a file's path")
        }
    }

    private static func check(url: String) throws(StoreError) {
        let lower = url.prefix(8).lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else {
            throw StoreError(
                .invalidValue, "the URL \(Name.quoted(url)) is neither http nor https",
                help: "write it like https://example.org/mcp")
        }
        guard url.utf8.count <= 2_048, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw StoreError(
                .invalidValue, "the URL \(Name.quoted(url)) is too long or has spaces or non-ASCII characters",
                help: "percent-encode it, at most 2048 bytes")
        }
        let authority = url.utf8.drop { $0 != UInt8(ascii: "/") }.dropFirst(2)
            .prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard !authority.isEmpty else {
            throw StoreError(
                .invalidValue, "the URL \(Name.quoted(url)) names no host",
                help: "write it like https://example.org/mcp")
        }
        // URLs are stored and shown as they are; a password in one would be stored in clear text.
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw StoreError(
                .invalidValue, "the URL has a user name or password in it",
                help: "send credentials with --header 'Authorization: …', which is stored sealed")
        }
    }

    private static func check(header: NamedSecret) throws(StoreError) {
        // SPEC: RFC 9110 §5.6.2, token.
        let marks = Array("!#$%&'*+-.^_`|~".utf8)
        let isToken =
            !header.name.isEmpty && header.name.utf8.count <= 256
            && header.name.utf8.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || marks.contains($0)
            }
        guard isToken else {
            throw StoreError(
                .invalidValue, "the header name \(Name.quoted(header.name)) is not allowed in HTTP",
                help: "write it like --header 'Authorization: Bearer …'")
        }
        let value = header.value.revealed.utf8
        guard value.count <= maximumText, value.allSatisfy({ $0 == 9 || ($0 >= 0x20 && $0 != 0x7F) }) else {
            throw StoreError(
                .invalidValue, "the value of header \(Name.quoted(header.name)) is too long or has control characters",
                help: "use one line of at most \(maximumText) bytes")
        }
    }

    private static func check(text: String, _ what: String) throws(StoreError) {
        guard text.utf8.count <= maximumText, !text.utf8.contains(0) else {
            throw StoreError(
                .invalidValue, "\(what) is longer than \(maximumText) bytes or has a zero byte in it",
                help: "shorten it")
        }
    }

    private static func check(count: Int, _ what: String) throws(StoreError) {
        guard count <= maximumCount else {
            throw StoreError(
                .invalidValue, "there are \(count) \(what), at most \(maximumCount) may be", help: "remove some")
        }
    }
}
