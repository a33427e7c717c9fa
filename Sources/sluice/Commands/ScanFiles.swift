import Arguments
import Base
import Catalogue
import Glibc
import JSON
import Risk
import Scanner

/// The files that `sluice scan` writes, and the earlier scans that it reads.
enum ScanFiles {
    /// Where recommended policies and their tests go.
    struct Policies {
        fileprivate let policy: String?
        fileprivate let test: String?
        fileprivate let many: Bool

        func write(_ servers: [ScannedServer]) throws(Failure) {
            for server in servers {
                let advice = server.recommendation
                let policyPath = path(policy, server.name, "policy.json")
                if let policyPath {
                    // A policy's file has to say itself why each part is there: the scan's JSON may not be at hand.
                    let explained = advice.explained(leftOut: server.poisoned, because: poisonedReason)
                    try put(explained, policyPath, "the recommended policy for \(Visible.name(server.name))")
                    let count = advice.reasons.count(where: \.needsEditing)
                    if count > 0 {
                        Output.note(
                            "        in \(count) \(count == 1 ? "place" : "places") it holds an example of a folder or host "
                                + "(\(Recommendation.folder), \(Recommendation.host)): put in yours")
                    }
                }
                if let testPath = path(test, server.name, "policytest.json") {
                    // The test finds its policy's file from its own folder.
                    let reference = policyPath.map { path -> JSONValue in
                        let isBeside = ScanFiles.folder(of: path) == ScanFiles.folder(of: testPath)
                        return .string(isBeside ? ScanFiles.name(of: path) : Files.absolute(path))
                    }
                    let test = advice.test(policy: reference ?? advice.policy)
                    try put(test, testPath, "a test that it passes")
                }
            }
        }

        private func path(_ path: String?, _ server: String, _ ending: String) -> String? {
            path.map { many ? "\($0)/\(ScanFiles.plain(server)).\(ending)" : $0 }
        }

        private func put(_ document: JSONValue, _ path: String, _ what: String) throws(Failure) {
            try ScanFiles.write(Array(PrettyJSON.text(document).utf8), to: path)
            Output.note("sluice: \(what) is in \(path)")
        }
    }

    static func policies(_ arguments: Arguments, many: Bool) throws(Failure) -> Policies {
        for option in ["policy-out", "policytest-out"] {
            guard let path = arguments.value(option) else { continue }
            guard isFolder(path) == many else {
                throw Failure(
                    .usage, "--\(option) names \(many ? "no folder" : "a folder")",
                    mend: many
                        ? "there may be several servers: name a folder that exists, each gets a file in it"
                        : "name a file")
            }
        }
        return Policies(policy: arguments.value("policy-out"), test: arguments.value("policytest-out"), many: many)
    }

    /// More servers than anybody scans one by one; of the scans in a folder the oldest go.
    private static let mostScans = 1_000

    /// Earlier scans: one that the user names, or those of a data folder.
    struct Baselines {
        fileprivate let named: Baseline?
        fileprivate let folder: String?

        /// What has changed since; nil when there is no earlier scan.
        func changes(of server: ScannedServer, isOnly: Bool) throws -> ScanChanges? {
            if let named { return named.changes(of: server.material, isOnly: isOnly) }
            guard let path = path(of: server), access(path, F_OK) == 0 else { return nil }
            return try ScanFiles.baseline(path).changes(of: server.material, isOnly: true)
        }

        /// Puts these scans in the place of the earlier ones.
        func keep(_ servers: [ScannedServer]) throws(Failure) {
            guard let folder else { return }
            for path in [folder, "\(folder)/scans"] where mkdir(path, 0o700) != 0 && errno != EEXIST {
                throw Failure(.unable, "can't make the folder \(path): \(String(cString: strerror(errno)))")
            }
            for server in servers {
                guard let path = path(of: server) else { continue }
                try ScanFiles.write(ScanJSON.bytes(ScanReport(servers: [server])), to: path)
            }
            ScanFiles.trim("\(folder)/scans")
        }

        /// A name for people, and what tells servers of the same name apart.
        private func path(of server: ScannedServer) -> String? {
            folder.map { "\($0)/scans/\(ScanFiles.plain(server.name))-\(server.fingerprint).json" }
        }
    }

    static func baselines(_ arguments: Arguments) throws -> Baselines {
        guard arguments.value("baseline") == nil || arguments.value("data-dir") == nil else {
            throw Failure(.usage, "--baseline and --data-dir exclude each other")
        }
        return Baselines(named: try arguments.value("baseline").map(baseline), folder: arguments.value("data-dir"))
    }

    private static func baseline(_ path: String) throws -> Baseline {
        let bytes = try Files.read(path, limit: Baseline.maxBytes)
        return try Baseline(bytes, name: path)
    }

    // MARK: Files

    fileprivate static func folder(of path: String) -> Substring {
        let path = Files.absolute(path)
        return path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)[...]
    }

    fileprivate static func name(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// Takes the oldest scans away as far as there are too many. Failing is harmless: the next scan tries again.
    fileprivate static func trim(_ folder: String) {
        guard let stream = opendir(folder) else { return }
        defer { closedir(stream) }
        var scans: [(time: Int, path: String)] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            let path = "\(folder)/\(name)"
            guard name.hasSuffix(".json"), lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                continue
            }
            scans.append((status.st_mtim.tv_sec, path))
        }
        guard scans.count > mostScans else { return }
        scans.sort { ($0.time, $0.path) < ($1.time, $1.path) }
        for scan in scans.dropLast(mostScans) { unlink(scan.path) }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// A server's name as part of a file's.
    fileprivate static func plain(_ name: String) -> String {
        let plain = name.utf8.prefix(64).map { byte -> Character in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: Character(Unicode.Scalar(byte))
            default: "_"
            }
        }
        return plain.isEmpty ? "_" : String(plain)
    }

    /// There is the old file or the whole new one.
    fileprivate static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let temporary = "\(path).\(getpid()).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw Failure(.usage, "can't write \(path): \(String(cString: strerror(errno)))")
        }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            sent += count
        }
        close(descriptor)
        guard sent == bytes.count, rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw Failure(.unable, "can't write \(path): \(reason)")
        }
    }
}
