import Base
import Store

extension SQLiteConfigurationStore: PinStore {
    package func pins(of server: String) throws(StoreError) -> (onChange: OnChange, pins: [Pin])? {
        let found = try read { db throws(StoreError) -> PinnedServer? in
            _ = try self.selectServer(db, server)
            guard let all = try self.selectPins(db, server)[server] else { return nil }
            return PinnedServer(onChange: all.onChange, pins: all.pins)
        }
        return found.map { ($0.onChange, $0.pins) }
    }

    package func pin(_ server: String, onChange: OnChange, _ pins: [Pin]) throws(StoreError) {
        guard pins.count <= Caps.pins else {
            throw StoreError(
                .invalidValue, "the server has \(pins.count) tools, and at most \(Caps.pins) can be pinned",
                help: "pin a server with fewer tools")
        }
        try change { db throws(StoreError) in
            _ = try self.selectServer(db, server)
            try self.deletePins(db, server)
            let rule = try db.prepare("INSERT INTO pinned_server (server, on_change, stamp) VALUES (?1, ?2, ?3)")
            rule.bind(1, server)
            rule.bind(2, onChange.rawValue)
            rule.bind(3, wallClock().microseconds)
            try rule.run()
            for pin in pins {
                let row = try db.prepare("INSERT INTO pin (server, tool, hash, definition) VALUES (?1, ?2, ?3, ?4)")
                row.bind(1, server)
                // The empty text stands for the instructions: no tool has an empty name.
                row.bind(2, pin.tool ?? "")
                row.bind(3, blob: pin.hash.bytes)
                row.bind(4, blob: pin.definition)
                try row.run()
            }
            return ((), true)
        }
    }

    package func unpin(_ server: String) throws(StoreError) -> Bool {
        try change { db throws(StoreError) in
            _ = try self.selectServer(db, server)
            let wasPinned = try self.count(db, "SELECT count(*) FROM pinned_server WHERE server = ?1", server) > 0
            try self.deletePins(db, server)
            return (wasPinned, wasPinned)
        }
    }

    func deletePins(_ db: Connection, _ server: String) throws(StoreError) {
        for sql in ["DELETE FROM pin WHERE server = ?1", "DELETE FROM pinned_server WHERE server = ?1"] {
            let statement = try db.prepare(sql)
            statement.bind(1, server)
            try statement.run()
        }
    }

    /// For the snapshot. A server whose pins can't be read stops the whole configuration: nothing may be decided without.
    func selectServerPins(_ db: Connection) throws(StoreError) -> [String: ServerPins] {
        var result: [String: ServerPins] = [:]
        for (server, all) in try selectPins(db, nil) {
            var tools: [String: ArgumentDigest] = [:]
            for pin in all.pins { if let tool = pin.tool { tools[tool] = pin.hash } }
            result[server] = ServerPins(
                server: server, onChange: all.onChange, tools: tools,
                instructions: all.pins.first { $0.tool == nil }?.hash, stamp: all.stamp)
        }
        return result
    }

    private struct PinnedServer: Sendable {
        let onChange: OnChange
        var stamp: Int64 = 0
        var pins: [Pin]
    }

    private func selectPins(_ db: Connection, _ server: String?) throws(StoreError) -> [String: PinnedServer] {
        func damaged(_ server: String) -> StoreError {
            StoreError(
                .corrupt, "the pins of server \(Name.quoted(server)) cannot be read",
                help: "pin the server again with `sluice server pin`")
        }
        let filter = server == nil ? "" : "WHERE server = ?1"
        var found: [String: PinnedServer] = [:]
        let rules = try db.prepare("SELECT server, on_change, stamp FROM pinned_server \(filter)")
        if let server { rules.bind(1, server) }
        while try rules.step() {
            let name = rules.text(0)
            guard let onChange = OnChange(rawValue: rules.text(1)) else { throw damaged(name) }
            found[name] = PinnedServer(onChange: onChange, stamp: rules.integer(2), pins: [])
        }
        let rows = try db.prepare("SELECT server, tool, hash, definition FROM pin \(filter) ORDER BY tool")
        if let server { rows.bind(1, server) }
        while try rows.step() {
            let name = rows.text(0)
            guard let hash = ArgumentDigest(bytes: rows.blob(2)), found[name] != nil else { throw damaged(name) }
            let tool = rows.text(1)
            found[name]?.pins.append(
                Pin(tool: tool.isEmpty ? nil : tool, hash: hash, definition: rows.blob(3)))
        }
        return found
    }
}
