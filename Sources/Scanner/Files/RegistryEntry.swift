import Base
import Catalogue
import JSON

/// `server.json`, as the official registry has it: a server's own page, or the answer of the registry's API around it. Its
/// author is a stranger: packages are only named, addresses are asked as long as they are public.
package struct RegistryEntry: Sendable {
    package let name: String
    package let description: String
    package let version: String
    /// Where its code is kept; empty: not known.
    package let repository: String
    /// All ways to reach the server; one of them is enough.
    package let ways: [NamedServer]

    /// - Throws: `ScanError` for anything else.
    package static func read(_ bytes: [UInt8], name: String) throws(ScanError) -> RegistryEntry {
        let root: JSONView
        do throws(JSONError) { root = try JSONDocument.parse(PlainJSON.bytes(bytes)).root } catch {
            let place = error.position(in: bytes)
            throw ScanError(
                .unreadable, "\(name), line \(place.line), column \(place.column): \(error.message)",
                mend: "the registry's `server.json` is JSON")
        }
        let page = root["server"].flatMap { $0.kind == .object ? $0 : nil } ?? root
        guard let title = page["name"]?.string,
            page["packages"] != nil || page["remotes"] != nil || page["version"] != nil
        else {
            throw ScanError(
                .unknownShape, "\(name) is no `server.json` of the registry",
                mend: "it has a `name`, and `packages` or `remotes`; a list of tools is read with --tools")
        }
        let lines = LineIndex(bytes)
        var ways: [NamedServer] = []
        for remote in all(page["remotes"]) {
            ways.append(Self.remote(remote, title, lines.line(of: remote.range.lowerBound)))
        }
        for bundle in all(page["packages"]) {
            ways.append(Self.bundle(bundle, title, lines.line(of: bundle.range.lowerBound)))
        }
        return RegistryEntry(
            name: title, description: page["description"]?.string ?? "", version: page["version"]?.string ?? "",
            repository: page["repository"]?["url"]?.string ?? "", ways: ways)
    }

    private static func all(_ array: JSONView?) -> [JSONView] { array.map { Array($0.elements) } ?? [] }

    private static func remote(_ remote: JSONView, _ name: String, _ line: Int) -> NamedServer {
        guard let url = remote["url"]?.string else {
            return NamedServer(name: name, way: .unusable("a remote without a `url`"), line: line)
        }
        // `{tenant}` in an address is a blank that a user fills in.
        if url.contains("{") {
            let why = "its address has blanks to fill in: \(Visible.text(url, limit: 200))"
            return NamedServer(name: name, way: .unusable(why), line: line)
        }
        for header in all(remote["headers"])
        where header["isRequired"]?.bool == true && header["value"]?.string?.contains("{") != false {
            let title = Visible.name(header["name"]?.string ?? "")
            let why = "it wants the header `\(title)`; ask it with --url and --header"
            return NamedServer(name: name, way: .unusable(why), line: line)
        }
        var server = NamedServer(name: name, way: .address(url, headers: []), line: line)
        server.isForeign = true
        return server
    }

    private static func bundle(_ bundle: JSONView, _ name: String, _ line: Int) -> NamedServer {
        let kind: String = bundle["registryType"]?.string ?? bundle["registry_type"]?.string ?? ""
        let identifier = bundle["identifier"]?.string ?? ""
        let version = bundle["version"]?.string ?? ""
        func unusable(_ why: String) -> NamedServer { NamedServer(name: name, way: .unusable(why), line: line) }
        guard !identifier.isEmpty, !identifier.hasPrefix("-"), !version.hasPrefix("-") else {
            return unusable("a package without an `identifier`")
        }
        if let transport = bundle["transport"]?["type"]?.string, transport != "stdio" {
            return unusable(
                "its package \(Visible.name(identifier)) serves \(Visible.name(transport)); start it yourself")
        }
        for variable in all(bundle["environmentVariables"])
        where variable["isRequired"]?.bool == true && variable["default"] == nil {
            let title = Visible.name(variable["name"]?.string ?? "")
            return unusable("its package wants the variable `\(title)`; start it yourself, with --env")
        }
        let named: [String]
        switch kind {
        case "npm": named = ["npx", "-y", version.isEmpty ? identifier : "\(identifier)@\(version)"]
        case "pypi": named = ["uvx", version.isEmpty ? identifier : "\(identifier)==\(version)"]
        case "oci":
            let image = version.isEmpty || identifier.contains(":") ? identifier : "\(identifier):\(version)"
            named = ["docker", "run", "--rm", "-i", image]
        case "nuget": named = ["dnx", version.isEmpty ? identifier : "\(identifier)@\(version)", "--yes"]
        default: return unusable("packages of the kind `\(Visible.name(kind))` are not started here")
        }
        var words = named
        for argument in all(bundle["packageArguments"]) {
            guard let value = argument["value"]?.string ?? argument["default"]?.string, !value.contains("{")
            else {
                if argument["isRequired"]?.bool == true {
                    let title = Visible.name(argument["name"]?.string ?? argument["valueHint"]?.string ?? "")
                    return unusable("its package wants the argument `\(title)`; start it yourself")
                }
                continue
            }
            if argument["type"]?.string == "named", let title = argument["name"]?.string { words.append(title) }
            words.append(value)
        }
        return NamedServer(
            name: name, way: .command(words, variables: [], inherit: [], directory: nil), line: line)
    }
}
