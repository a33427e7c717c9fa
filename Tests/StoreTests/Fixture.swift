import Base
import CSQLite
import Glibc
import Store
import StoreSQLite
import Support
import Testing

/// A data folder of its own for one test.
final class Fixture: Sendable {
    let folder: TemporaryFolder
    let data: DataDirectory

    var path: String { folder.path + "/data" }
    var database: String { path + "/sluice.db" }
    var configuration: SQLiteConfigurationStore { data.configuration }

    init() throws {
        folder = try TemporaryFolder()
        data = try DataDirectory.open(folder.path + "/data")
    }

    /// A second process's view of the same folder, as far as one process can have it.
    func openAgain() throws -> DataDirectory { try DataDirectory.open(path, create: false) }

    /// A server, a policy and a grant to work with.
    func grant(server: String = "studio", policy: String = "starter", label: String = "demo") throws -> IssuedGrant {
        if try !configuration.servers().contains(where: { $0.name == server }) {
            try configuration.addServer(Self.server(server))
        }
        _ = try configuration.putPolicy(policy, server: server, bytes: Array("{}".utf8))
        return try configuration.createGrant(GrantRequest(server: server, policy: policy, label: label))
    }

    static func server(_ name: String) -> Server {
        Server(
            name: name, transport: .http(url: "https://example.org/mcp", headers: []),
            created: Instant(microseconds: 1_700_000_000_000_000))
    }

    /// Runs SQL as somebody would who can write the file but doesn't have the key.
    func tamper(_ sql: String) throws {
        var handle: OpaquePointer?
        try #require(sqlite3_open(database, &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        sqlite3_busy_timeout(handle, 5_000)
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        try #require(code == SQLITE_OK, "\(String(cString: sqlite3_errmsg(handle)))")
    }

    /// Every byte of every file in the folder.
    func allBytes() throws -> [UInt8] {
        try listFolder(path).flatMap { try readFile(path + "/" + $0) }
    }
}

/// A decision with something in every column.
func decision(_ number: Int, tool: String = "imageMasking") -> LedgerRow {
    var row = LedgerRow(
        time: Instant(microseconds: 1_767_607_200_000_000 + Int64(number) * 1_000),
        requestID: "req_\(number)", outcome: .allowed)
    row.server = "studio"
    row.grantID = "gr_abcdefghijkmnpqr"
    row.grantLabel = "demo"
    row.identity = "alice"
    row.sessionID = "session-\(number)"
    row.method = "tools/call"
    row.tool = tool
    row.argumentKeys = ["model", "inputImage"]
    row.argumentDigest = ArgumentDigest(bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32))
    row.policy = "starter"
    row.policyVersion = 3
    row.rule = "imageMasking"
    row.ruleAlias = "masking"
    row.message = "within limits"
    row.evidence = "calls 1 of 30"
    row.reservations = "calls=1"
    row.requestBytes = 190
    return row
}

/// Appends rows one after the other and gives their numbers.
func append(_ rows: [LedgerRow], to ledger: SQLiteLedger) async throws -> [Int64] {
    var numbers: [Int64] = []
    for row in rows { numbers.append(try await ledger.append(row)) }
    return numbers
}

/// The code of the error that `body` throws; a failed expectation when it throws none.
func code(_ body: () throws -> Void) -> StoreError.Code? {
    do {
        try body()
        Issue.record("nothing was thrown")
        return nil
    } catch let error as StoreError {
        return error.code
    } catch {
        Issue.record(error)
        return nil
    }
}
