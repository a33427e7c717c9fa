import JSON

/// The headers that repeat what a modern request's body says, so that what stands between can route without reading it.
///
/// They are never believed: `check` holds them against the body, and what we send is written anew from the body we send.
package struct RoutingHeaders: Sendable {
    /// Values as received, one for each line.
    package private(set) var versions: [ArraySlice<UInt8>] = []
    package private(set) var methods: [ArraySlice<UInt8>] = []
    package private(set) var names: [ArraySlice<UInt8>] = []
    /// `Mcp-Param-*`: what follows the prefix in lower case, and the value.
    package private(set) var parameters: [(name: String, value: ArraySlice<UInt8>)] = []

    package init() {}

    /// Takes a request's header line if it is one of these; others are ignored. Names match in any case.
    package mutating func take(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        // COST: most lines are told apart by their first letter.
        guard name.count >= 8, name[name.startIndex] | 0x20 == UInt8(ascii: "m") else { return }
        let lower = String(decoding: name, as: UTF8.self).lowercased()
        switch lower {
        case "mcp-protocol-version": versions.append(value)
        case "mcp-method": methods.append(value)
        case "mcp-name": names.append(value)
        default:
            if lower.hasPrefix("mcp-param-") { parameters.append((String(lower.dropFirst(10)), value)) }
        }
    }

    /// The same from texts.
    package mutating func take(name: String, value: String) {
        take(name: Array(name.utf8)[...], value: Array(value.utf8)[...])
    }

    /// The member of `params` that `Mcp-Name` repeats.
    package static func nameMember(of method: String) -> StaticString? {
        switch method {
        case "tools/call", "prompts/get": "name"
        case "resources/read": "uri"
        case "tasks/get", "tasks/update", "tasks/cancel": "taskId"
        default: nil
        }
    }

    // MARK: Incoming

    /// Holds the headers against the body.
    /// - Parameters:
    ///   - version: the version in the body's `_meta`.
    ///   - toolParameters: the header parameters of the tool that is called; nil when its schema is not known, and then
    ///     `Mcp-Param-*` is left to the server.
    /// - Throws: `headerMismatch` (-32020, HTTP 400).
    package func check(
        _ message: RPCMessage, version: String, parameters toolParameters: [HeaderParameter]? = nil
    ) throws(ProtocolFault) {
        try Self.same(try Self.only(versions, "MCP-Protocol-Version"), version, "MCP-Protocol-Version", "params._meta")
        // The rules for notifications are not written yet (2026-07-28); a header that is there must still be right.
        let isRequest = if case .request = message.kind { true } else { false }
        if isRequest || !methods.isEmpty {
            try Self.same(try Self.only(methods, "Mcp-Method"), message.method, "Mcp-Method", "method")
        }
        if let member = Self.nameMember(of: message.method), let value = message.params?[member] {
            // A value of the wrong type is the method's to refuse; there is nothing that the header could repeat.
            if let text = value.string {
                try Self.same(try Self.only(names, "Mcp-Name"), text, "Mcp-Name", "params.\(member)")
            }
        }
        guard names.count <= 1 else { throw Self.fault("the header Mcp-Name is there more than once") }
        if message.method == "tools/call", let toolParameters {
            try check(toolParameters, arguments: message.params?["arguments"])
        }
    }

    private func check(_ declared: [HeaderParameter], arguments: JSONView?) throws(ProtocolFault) {
        for parameter in declared {
            let name = parameter.name.lowercased()
            let values = parameters.filter { $0.name == name }.map(\.value)
            guard let argument = parameter.argument(in: arguments) else {
                guard values.isEmpty else {
                    throw Self.fault("\(parameter.headerName) is there, but the body has no such argument")
                }
                continue
            }
            // An array or object has no header; that it is there at all is for the schema to refuse.
            guard HeaderParameter.text(of: argument) != nil else {
                guard values.isEmpty else {
                    throw Self.fault("\(parameter.headerName) is there, but the argument is no text, number or boolean")
                }
                continue
            }
            let value = try Self.only(values, parameter.headerName)
            guard let text = HeaderValue.decode(value) else {
                throw Self.fault("\(parameter.headerName) has characters or Base64 that can't be read")
            }
            guard parameter.agrees(text, with: argument) else {
                throw Self.fault("\(parameter.headerName) differs from the argument in the body")
            }
        }
    }

    private static func only(
        _ values: [ArraySlice<UInt8>], _ name: String
    ) throws(ProtocolFault) -> ArraySlice<UInt8> {
        guard let value = values.first else { throw fault("the header \(name) is missing") }
        // Two readers could take different ones.
        guard values.count == 1 else { throw fault("the header \(name) is there more than once") }
        return value
    }

    private static func same(
        _ value: ArraySlice<UInt8>, _ text: String, _ name: String, _ place: String
    ) throws(ProtocolFault) {
        let plain = name == "Mcp-Name" ? HeaderValue.decode(value) : plainText(value)
        guard let plain else { throw fault("the header \(name) has characters or Base64 that can't be read") }
        guard plain == text, plain.utf8.elementsEqual(text.utf8) else {
            throw fault("the header \(name) differs from \(place) in the body")
        }
    }

    private static func plainText(_ value: ArraySlice<UInt8>) -> String? {
        guard value.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else { return nil }
        return String(decoding: value, as: UTF8.self).trimmedOfBlanks
    }

    private static func fault(_ message: String) -> ProtocolFault { ProtocolFault(.headerMismatch, message) }

    // MARK: Outgoing

    /// The headers for a request that we send, written from what we send; without `MCP-Protocol-Version`.
    /// - Parameters:
    ///   - params: as in the body that is sent: renamed tools have their upstream's name.
    ///   - parameters: the header parameters of the tool that is called, from its schema.
    package static func outgoing(
        method: String, params: JSONView?, parameters: [HeaderParameter] = []
    ) -> [(name: String, value: String)] {
        outgoing(
            method: method, name: nameMember(of: method).flatMap { params?[$0]?.string },
            arguments: params?["arguments"], parameters: parameters)
    }

    /// The same for a name that differs from the one in `params`, because the body is edited on its way.
    package static func outgoing(
        method: String, name: String?, arguments: JSONView?, parameters: [HeaderParameter] = []
    ) -> [(name: String, value: String)] {
        var headers = [(name: "Mcp-Method", value: method)]
        if nameMember(of: method) != nil, let name {
            headers.append((name: "Mcp-Name", value: HeaderValue.encode(name)))
        }
        guard method == "tools/call" else { return headers }
        for parameter in parameters {
            guard let argument = parameter.argument(in: arguments), let text = HeaderParameter.text(of: argument)
            else { continue }
            headers.append((name: parameter.headerName, value: HeaderValue.encode(text)))
        }
        return headers
    }
}
