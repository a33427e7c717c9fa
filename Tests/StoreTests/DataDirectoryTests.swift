import Base
import Glibc
import Store
import StoreSQLite
import Support
import Testing

struct DataDirectoryTests {
    private func mode(_ path: String) -> UInt32 {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test func aNewFolderIsForItsOwnerOnly() throws {
        let fixture = try Fixture()
        #expect(mode(fixture.path) == 0o700)
        #expect(mode(fixture.path + "/secret.key") == 0o600)
        for name in ["generation", "sluice.db", "sluice.db-wal", "sluice.db-shm"] {
            #expect(mode(fixture.path + "/" + name) == 0o600, "\(name)")
        }
        #expect(try readFile(fixture.path + "/secret.key").count == 32)
        #expect(try listFolder(fixture.path).allSatisfy { !$0.hasPrefix("secret.key.") })
    }

    @Test func twoFoldersHaveDifferentKeys() throws {
        let (a, b) = (try Fixture(), try Fixture())
        #expect(try readFile(a.path + "/secret.key") != readFile(b.path + "/secret.key"))
        #expect(a.data.hasher.tokenHash("slg_x") != b.data.hasher.tokenHash("slg_x"))
    }

    @Test func oneKeyMakesUnrelatedHashesForTokensAndArguments() throws {
        let fixture = try Fixture()
        let hasher = fixture.data.hasher
        #expect(hasher.tokenHash("same").bytes != hasher.argumentDigest(Array("same".utf8)).bytes)
        #expect(hasher.tokenHash("same") == hasher.tokenHash(Array("same".utf8)[...]))
        #expect(hasher.tokenHash("same") != hasher.tokenHash("samf"))
        #expect(hasher.argumentDigest([] as [UInt8]).hex.utf8.count == 64)
        let again = try fixture.openAgain()
        #expect(again.hasher.tokenHash("same") == hasher.tokenHash("same"))
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o700 | 0o070] as [mode_t])
    func aKeyThatOthersCanReadIsRefused(mode: mode_t) throws {
        let fixture = try Fixture()
        chmod(fixture.path + "/secret.key", mode)
        #expect(code { _ = try fixture.openAgain() } == .secretKey)
    }

    @Test(arguments: [0, 31, 33, 64])
    func aKeyOfTheWrongSizeIsRefused(size: Int) throws {
        let fixture = try Fixture()
        try writeFile(fixture.path + "/secret.key", [UInt8](repeating: 7, count: size))
        #expect(code { _ = try fixture.openAgain() } == .secretKey)
    }

    @Test func anotherKeyIsRefused() throws {
        let fixture = try Fixture()
        try writeFile(fixture.path + "/secret.key", [UInt8](repeating: 7, count: 32))
        #expect(code { _ = try fixture.openAgain() } == .secretKey)
    }

    @Test func aLostKeyIsNotReplaced() throws {
        let fixture = try Fixture()
        unlink(fixture.path + "/secret.key")
        #expect(code { _ = try DataDirectory.open(fixture.path) } == .secretKey)
        #expect(access(fixture.path + "/secret.key", F_OK) != 0)
    }

    @Test func aKeyBehindALinkIsRefused() throws {
        let fixture = try Fixture()
        rename(fixture.path + "/secret.key", fixture.path + "/elsewhere")
        symlink("elsewhere", fixture.path + "/secret.key")
        #expect(code { _ = try fixture.openAgain() } == .secretKey)
    }

    @Test func aFileIsNoFolder() throws {
        let folder = try TemporaryFolder()
        try writeFile(folder.path + "/file", [1])
        #expect(code { _ = try DataDirectory.open(folder.path + "/file") } == .directory)
        #expect(code { _ = try DataDirectory.open(folder.path + "/file/below") } == .directory)
    }

    @Test func aFolderThatIsNotThereIsMadeOnlyWhenAsked() throws {
        let folder = try TemporaryFolder()
        #expect(code { _ = try DataDirectory.open(folder.path + "/none", create: false) } == .directory)
        #expect(access(folder.path + "/none", F_OK) != 0)
        #expect(code { _ = try DataDirectory.open(folder.path + "/no/such") } == .directory)
        #expect(code { _ = try DataDirectory.open(folder.path, create: false) } == .directory)
    }

    @Test func aFileThatIsNoDatabaseIsRefused() throws {
        let fixture = try Fixture()
        let other = try TemporaryFolder()
        try writeFile(other.path + "/secret.key", readFile(fixture.path + "/secret.key"))
        chmod(other.path + "/secret.key", 0o600)
        try writeFile(other.path + "/sluice.db", [UInt8](repeating: 42, count: 8_192))
        #expect(code { _ = try DataDirectory.open(other.path) } == .corrupt)
    }

    @Test func anotherProgramsDatabaseIsRefused() throws {
        let fixture = try Fixture()
        try fixture.tamper("PRAGMA application_id = 77")
        #expect(code { _ = try fixture.openAgain() } == .corrupt)
    }

    @Test func aNewerDatabaseIsRefusedByName() throws {
        let fixture = try Fixture()
        try fixture.tamper("INSERT INTO migration (name, applied) VALUES ('9999-from-tomorrow', 0)")
        let error = #expect(throws: StoreError.self) { try fixture.openAgain() }
        #expect(error?.code == .newerSchema)
        #expect(error?.message.contains("9999-from-tomorrow") == true)
    }

    @Test func onlyOneGatewayServesFromAFolder() throws {
        let fixture = try Fixture()
        let lock = try fixture.data.lockForServing()
        let other = try fixture.openAgain()
        let error = #expect(throws: StoreError.self) { try other.lockForServing() }
        #expect(error?.code == .alreadyServing)
        #expect(error?.message.contains("\(getpid())") == true)
        // Commands still work meanwhile.
        try other.configuration.addServer(Fixture.server("added"))
        lock.release()
        lock.release()
        _ = try other.lockForServing()
    }

    @Test func aDatabaseThatAnotherProcessHoldsIsReportedAsLocked() throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(LedgerOptions(busyTimeoutMilliseconds: 1))
        defer { ledger.close() }
        let holder = try HeldDatabase(fixture.database)
        defer { holder.release() }
        #expect(try ledger.lastSequence() == 0)
    }
}
