import Glibc
import JSON
import Support
import Testing

/// The whole program, driven by the official Python client. Needs what `scripts/setup` makes: `.venv-agent` and `vendor`.
@Suite struct PythonClientTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The program that was built together with these tests.
    static func program() throws -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else { throw TestProblem("no /proc/self/exe") }
        var parts = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: "/")
        while !parts.isEmpty {
            parts.removeLast()
            let path = "/" + parts.joined(separator: "/") + "/sluice-studio"
            if access(path, X_OK) == 0 { return path }
        }
        for configuration in ["debug", "release"] {
            let path = "\(Places.packageRoot)/.build/\(configuration)/sluice-studio"
            if access(path, X_OK) == 0 { return path }
        }
        throw TestProblem("sluice-studio is not built; run `swift build` first")
    }

    private func run(_ script: String) throws -> JSONView {
        let python = "\(Places.packageRoot)/.venv-agent/bin/python"
        try #require(access(python, X_OK) == 0, "the Python client is missing; run scripts/setup")
        let vendor = "\(Places.packageRoot)/vendor"
        try #require(access(vendor, R_OK) == 0, "the models are missing; run scripts/setup")
        let parts = [
            python, "\(Places.packageRoot)/Tests/StudioTests/agent/\(script)", try Self.program(),
            "\(Places.shared)/data/images", vendor, "\(folder.path)/data",
        ]
        let (text, status) = try output(ofShell: parts.map { "'\($0)'" }.joined(separator: " "))
        try #require(status == 0, "the script failed; its words are above")
        return try JSONDocument.parse(text).root
    }

    private func judge(_ seen: JSONView) throws {
        #expect(seen["version"]?.string == "2025-11-25")
        #expect(seen["server"]?.string == "sluice-studio")
        #expect(seen["tools"]?.count == 15)
        #expect(seen["upload"]?.value == [512, 512, "PNG"])
        for (model, minimum, maximum) in [
            ("runware:35@6", 0.02, 0.2), ("runware:35@7", 0.02, 0.2), ("runware:35@8", 0.02, 0.2),
        ] {
            let mask = try #require(seen["masks"]?[model])
            #expect(mask["detections"]?.count == 1, "\(model)")
            #expect(mask["type"]?.string == "image/png" && mask["nosniff"]?.string == "nosniff")
            #expect(mask["same"]?.bool == true)
            #expect(mask["blocks"]?.value == ["text", "image", "resource_link"])
            #expect((minimum...maximum).contains(mask["coverage"]?.double ?? 0), "\(model)")
        }
        #expect(seen["cat"]?[0]?.count == 0 && seen["cat"]?[1]?.bool == true)
        #expect(seen["pasted"]?.string == "success")
        #expect(
            seen["errors"]?.value == [
                "default model": "modelUnavailable", "outside": "pathNotAllowed", "no picture": "invalidImage",
                "range": "invalidParameter", "url": "urlNotAllowed",
            ])
        let parallel = seen["parallel"]?.elements.compactMap(\.double) ?? []
        #expect(parallel.count == 6 && parallel == parallel.sorted() && Set(parallel).count == 6)
    }

    @Test func stdio() throws {
        let seen = try run("stdio_client.py")
        try judge(seen)
        #expect(seen["progress"]?.value == [1, 2, 3, 1, 2, 3, 1, 2, 3])
    }

    @Test func http() throws {
        let seen = try run("http_client.py")
        #expect(seen["client"]?.value == ["2025-11-25", 1, true])
        #expect(seen["probing"]?.count == 15)
        #expect(
            seen["uploads"]?[0]?.value == [
                // The fifth is HTTPS to a port that speaks none.
                ["success"], ["success", "uploadFailed"], ["Tool error", "uploadNotAllowed"],
                ["Tool error", "invalidParameter"],
                ["success", "uploadFailed"], ["Tool error", "invalidParameter"],
            ])
        #expect(
            seen["uploads"]?[1]?.value == [
                ["/put?a=1", "image/png", "\u{89}PNG"], ["/broken", "image/png", "\u{89}PNG"],
            ])
        #expect(seen["exit"]?.int == 0)
        #expect(seen["port taken"]?[0]?.int == 3)
        let raw = try #require(seen["raw"])
        for (situation, status) in [
            ("no session", 400), ("get", 405), ("elsewhere", 404), ("listing", 404), ("guess", 404), ("climb", 400),
            ("post file", 405), ("origin", 403), ("own origin", 200), ("rebound host", 403), ("type", 415),
            ("accept", 406),
            ("not json", 400), ("version", 400), ("unknown session", 404), ("notification", 202),
            ("unknown method", 200),
            ("end", 204), ("after the end", 404),
        ] {
            #expect(raw[situation]?.int == Int64(status), "\(situation)")
        }
        #expect(raw["ping"]?.value == ["jsonrpc": "2.0", "id": "p", "result": [:]])
        #expect(raw["plain"]?.value == ["application/json", false])
        #expect(raw["stream"]?.string == "text/event-stream")
        #expect(raw["events"]?.value == ["notifications/progress", "notifications/progress", 3])
    }

    @Test func edges() throws {
        let seen = try run("process_edges.py")
        let five = JSONValue.array(Array(repeating: "success", count: 5))
        #expect(seen["end of input"]?.value == .array([five, 0]))
        #expect(seen["signal"]?.value == [[0, 1, 2, 3, 4, 5], 0])
        #expect([0, 3].contains(seen["deaf client"]?.int))
        #expect(seen["queue"]?.value == [30, true, 0])
        #expect(seen["long line"]?.value == [-32600, 1, 0])
        #expect(seen["bomb"]?.value == ["imageTooLarge"])
        #expect(seen["no models"]?.value == [["modelNotInstalled", "success"], true, true, true])
        #expect(seen["file"]?.value == [2, 0])
        #expect(seen["nothing"]?.value == [0, 0])
        #expect(seen["help"]?.int == 0)
        for (situation, code, word) in [
            ("unknown option", 2, "--allow-root"), ("open to all", 3, "loopback"), ("data folder", 3, "--data-dir"),
            ("allowed folder", 3, "/nowhere"),
        ] {
            #expect(seen[situation]?[0]?.int == Int64(code), "\(situation)")
            #expect(seen[situation]?[1]?.int == 0, "nothing but the protocol goes to standard output")
            #expect(seen[situation]?[2]?.string?.contains(word) == true, "\(situation)")
        }
    }
}
