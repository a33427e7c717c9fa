import Arguments
import Base
import Glibc
import Store
import StoreSQLite

/// The options that every command on stored things shares.
enum DataFolder {
    static let option = Option.value("data-dir", "DIR", "folder of the stored state (default: ./sluice-data)")
    static let json = Option.flag("json", "print JSON")

    /// The folder that the options name.
    static func path(_ arguments: Arguments) -> String { arguments.value("data-dir") ?? "./sluice-data" }

    /// Opens the stored state. Commands that only look say `create: false`, so that a mistyped folder stays away.
    static func open(_ arguments: Arguments, create: Bool = false) throws -> Stored {
        let path = path(arguments)
        if !create, access("\(path)/sluice.db", F_OK) != 0, errno == ENOENT {
            throw Failure(
                .unable, "there is no sluice.db in \(path)",
                mend: "name the folder with --data-dir, or begin with 'sluice serve' or 'sluice server add'")
        }
        return Stored(directory: try DataDirectory.open(path, create: create))
    }
}

/// What is stored, as commands see it: the interfaces of `Store`, whatever the engine.
struct Stored {
    fileprivate let directory: DataDirectory

    var path: String { directory.path }
    var configuration: any ConfigurationStore { directory.configuration }
    var pins: any PinStore { directory.configuration }
    var observations: any ObservationStore { directory.configuration }
    var catalogue: any CatalogueStore { directory.configuration }
    var hasher: any KeyedHasher { directory.hasher }

    /// Says so on standard error when there are rows that it can't show.
    func ledgerReader() throws(StoreError) -> any LedgerReader {
        let reader = try directory.ledgerReader()
        if let untaken = try reader.untaken() {
            Output.note("sluice: warning: \(untaken.text); \(untaken.mend)")
        }
        return reader
    }

    /// What `serve` needs beyond that.
    var whole: DataDirectory { directory }
}

/// The clock of the commands; the gateway has its own.
enum Clock {
    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}
