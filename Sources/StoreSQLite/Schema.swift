import CSQLite
import Store

/// The database's shape, as an ordered list of named steps. A step that was released is never edited: add another.
enum Schema {
    struct Migration: Sendable {
        let name: String
        let sql: String
    }

    /// "Slui" in ASCII, in the file's header: tells our files from other people's.
    static let applicationID: Int64 = 0x536C_7569

    static let migrations: [Migration] = [
        Migration(
            name: "0001-first",
            sql: """
                CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
                INSERT INTO setting VALUES ('generation', 1);

                CREATE TABLE server (
                    name TEXT PRIMARY KEY,
                    kind TEXT NOT NULL,
                    url TEXT,
                    command TEXT,
                    inherit TEXT,
                    directory TEXT,
                    sealed BLOB NOT NULL,
                    allow_private INTEGER NOT NULL,
                    created INTEGER NOT NULL
                ) STRICT;

                CREATE TABLE policy (
                    name TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    server TEXT NOT NULL,
                    bytes BLOB NOT NULL,
                    created INTEGER NOT NULL,
                    removed INTEGER,
                    UNIQUE (name, version)
                ) STRICT;

                CREATE TABLE identity (name TEXT PRIMARY KEY, created INTEGER NOT NULL) STRICT;

                CREATE TABLE grants (
                    id TEXT PRIMARY KEY,
                    server TEXT NOT NULL,
                    policy TEXT NOT NULL,
                    label TEXT NOT NULL,
                    identity TEXT,
                    token_hash BLOB NOT NULL UNIQUE,
                    created INTEGER NOT NULL,
                    expires INTEGER,
                    revoked INTEGER,
                    rotated INTEGER
                ) STRICT;

                CREATE TABLE admin_token (
                    id TEXT PRIMARY KEY,
                    label TEXT NOT NULL,
                    role INTEGER NOT NULL,
                    token_hash BLOB NOT NULL UNIQUE,
                    created INTEGER NOT NULL,
                    expires INTEGER,
                    revoked INTEGER
                ) STRICT;

                -- COST: without types and constraints on purpose, a tenth less CPU a row; the chain guards what they would.
                CREATE TABLE ledger (
                    seq INTEGER PRIMARY KEY,
                    time_us, decision_seq, outcome, shadow, released, request_id, server, grant_id, grant_label,
                    identity, session_id, method, tool, argument_keys, argument_digest, policy, policy_version, rule,
                    rule_alias, message, evidence, reservations, upstream_status, latency_us, request_bytes,
                    response_bytes, hash
                );

                CREATE TABLE ledger_seal (
                    slot INTEGER PRIMARY KEY,
                    seq INTEGER NOT NULL,
                    hash BLOB NOT NULL,
                    mac BLOB NOT NULL
                ) STRICT;
                """),
        Migration(
            name: "0002-grants-of-several-servers",
            sql: """
                CREATE TABLE grant_part (
                    grant_id TEXT NOT NULL REFERENCES grants (id),
                    position INTEGER NOT NULL,
                    server TEXT NOT NULL,
                    policy TEXT NOT NULL,
                    PRIMARY KEY (grant_id, server)
                ) STRICT, WITHOUT ROWID;
                """),
        // A list of three paths (authorities, certificate, key), empty where there is none.
        Migration(name: "0003-server-tls", sql: "ALTER TABLE server ADD COLUMN tls TEXT"),
        Migration(
            name: "0004-pins",
            sql: """
                CREATE TABLE pinned_server (server TEXT PRIMARY KEY, on_change TEXT NOT NULL, stamp INTEGER NOT NULL) STRICT;
                CREATE TABLE pin (
                    server TEXT NOT NULL,
                    tool TEXT NOT NULL,
                    hash BLOB NOT NULL,
                    definition BLOB NOT NULL,
                    PRIMARY KEY (server, tool)
                ) STRICT, WITHOUT ROWID;
                """),
        // A JSON object of what differs from the usual.
        Migration(name: "0005-server-settings", sql: "ALTER TABLE server ADD COLUMN settings TEXT"),
        // What servers were last seen to say; times in microseconds.
        Migration(
            name: "0006-observations",
            sql: """
                CREATE TABLE observed_server (server TEXT PRIMARY KEY, seen INTEGER NOT NULL) STRICT;
                CREATE TABLE observed_text (
                    server TEXT NOT NULL,
                    tool TEXT NOT NULL,
                    since INTEGER NOT NULL,
                    changed INTEGER NOT NULL,
                    gone INTEGER,
                    repeated INTEGER NOT NULL,
                    hash BLOB NOT NULL,
                    definition BLOB NOT NULL,
                    PRIMARY KEY (server, tool)
                ) STRICT, WITHOUT ROWID;
                """),
        // `catalogue_text` is filled by hand, under the ids of `catalogue_tool`; the `facets` of a row are words of our own.
        Migration(
            name: "0007-catalogue",
            sql: """
                CREATE TABLE catalogue_server (
                    id INTEGER PRIMARY KEY,
                    name TEXT NOT NULL UNIQUE,
                    version TEXT NOT NULL,
                    source TEXT NOT NULL,
                    about TEXT NOT NULL,
                    rules TEXT NOT NULL,
                    first_seen INTEGER NOT NULL,
                    last_seen INTEGER NOT NULL,
                    changed INTEGER NOT NULL,
                    policy BLOB NOT NULL,
                    findings BLOB NOT NULL
                ) STRICT;
                CREATE TABLE catalogue_tool (
                    id INTEGER PRIMARY KEY,
                    server INTEGER NOT NULL REFERENCES catalogue_server (id),
                    position INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    words TEXT NOT NULL,
                    category TEXT NOT NULL,
                    severity TEXT NOT NULL,
                    signals TEXT NOT NULL,
                    summary TEXT NOT NULL,
                    tokens INTEGER NOT NULL,
                    first_seen INTEGER NOT NULL,
                    last_seen INTEGER NOT NULL,
                    changed INTEGER NOT NULL,
                    assessment BLOB NOT NULL,
                    definition BLOB NOT NULL,
                    UNIQUE (server, name)
                ) STRICT;
                CREATE TABLE catalogue_change (
                    id INTEGER PRIMARY KEY,
                    server INTEGER NOT NULL REFERENCES catalogue_server (id),
                    time INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    tool TEXT NOT NULL,
                    members TEXT NOT NULL
                ) STRICT;
                CREATE INDEX catalogue_change_server ON catalogue_change (server, id);
                CREATE VIRTUAL TABLE catalogue_text USING fts5(
                    name, words, text, facets, tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3');
                """),
        // What a search reads lies together, away from the definitions, and the index keeps which tools have a word, not where:
        // `CatalogueToken` says in which column. A server may list a name twice; `twin` counts them from 0.
        Migration(
            name: "0008-catalogue-index",
            sql: """
                ALTER TABLE catalogue_server ADD COLUMN repository TEXT NOT NULL DEFAULT '';
                ALTER TABLE catalogue_server ADD COLUMN incomplete TEXT NOT NULL DEFAULT '[]';
                CREATE TABLE catalogue_definition (
                    tool INTEGER PRIMARY KEY,
                    assessment BLOB NOT NULL,
                    definition BLOB NOT NULL
                ) STRICT;
                INSERT INTO catalogue_definition SELECT id, assessment, definition FROM catalogue_tool;
                CREATE TABLE catalogue_listed (
                    id INTEGER PRIMARY KEY,
                    server INTEGER NOT NULL REFERENCES catalogue_server (id),
                    position INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    twin INTEGER NOT NULL,
                    words TEXT NOT NULL,
                    category TEXT NOT NULL,
                    severity TEXT NOT NULL,
                    signals TEXT NOT NULL,
                    summary TEXT NOT NULL,
                    tokens INTEGER NOT NULL,
                    first_seen INTEGER NOT NULL,
                    last_seen INTEGER NOT NULL,
                    changed INTEGER NOT NULL,
                    UNIQUE (server, name, twin)
                ) STRICT;
                INSERT INTO catalogue_listed SELECT id, server, position, name, 0, words, category, severity, signals, summary,
                tokens, first_seen, last_seen, changed FROM catalogue_tool;
                DROP TABLE catalogue_tool;
                ALTER TABLE catalogue_listed RENAME TO catalogue_tool;
                CREATE VIRTUAL TABLE catalogue_index USING fts5(
                    names, text, facets, tokenize = 'porter unicode61 remove_diacritics 2', prefix = '3', detail = none);
                INSERT INTO catalogue_index (rowid, names, text, facets)
                SELECT rowid, char(57344) || replace(words, ' ', ' ' || char(57344)), name || ' ' || words || ' ' || text,
                char(57345) || replace(facets, ' ', ' ' || char(57345))
                || ' ' || char(57345) || 'n' || (length(words) - length(replace(words, ' ', '')) + 1) FROM catalogue_text;
                DROP TABLE catalogue_text;
                """),
    ]

    /// Brings the database to the newest shape; each step in a transaction of its own, safe against other processes that
    /// do the same at the same moment.
    static func migrate(_ db: Connection, now: Int64) throws(StoreError) {
        let header = try db.prepare("PRAGMA application_id")
        _ = try header.step()
        let application = header.integer(0)
        header.reset()
        let tables = try db.prepare("SELECT count(*) FROM sqlite_schema")
        _ = try tables.step()
        let isEmpty = tables.integer(0) == 0
        tables.reset()
        guard application == applicationID || (application == 0 && isEmpty) else {
            throw StoreError(
                .corrupt, "`\(db.path)` is a database of another program",
                help: "choose another folder with --data-dir")
        }
        // An up-to-date database is only read: opening it must not wait for writers.
        if application == applicationID, try pending(db).isEmpty { return }
        try db.transaction { () throws(StoreError) in
            try db.execute(
                """
                PRAGMA application_id = \(applicationID);
                CREATE TABLE IF NOT EXISTS migration (
                    position INTEGER PRIMARY KEY, name TEXT NOT NULL, applied INTEGER NOT NULL) STRICT;
                """)
        }
        for step in try pending(db) {
            try db.transaction { () throws(StoreError) in
                guard try pending(db).first?.name == step.name else { return }
                try db.execute(step.sql)
                let note = try db.prepare("INSERT INTO migration (name, applied) VALUES (?1, ?2)")
                note.bind(1, step.name)
                note.bind(2, now)
                try note.run()
            }
        }
    }

    /// The steps that the database lacks; `newerSchema` when it has steps that we don't know.
    private static func pending(_ db: Connection) throws(StoreError) -> [Migration] {
        let query = try db.prepare("SELECT name FROM migration ORDER BY position")
        var applied: [String] = []
        while try query.step() { applied.append(query.text(0)) }
        guard applied.count <= migrations.count, zip(applied, migrations).allSatisfy({ $0 == $1.name }) else {
            let unknown = zip(applied, migrations).first { $0 != $1.name }?.0 ?? applied[migrations.count]
            throw StoreError(
                .newerSchema, "the database `\(db.path)` was changed by a newer version (`\(unknown)`)",
                help: "use that version, or another folder with --data-dir")
        }
        return Array(migrations[applied.count...])
    }
}
