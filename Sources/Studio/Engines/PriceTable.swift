import Base
import CAssets
import JSON

/// What services charge, as far as it is known: for estimates before a call, and for services that do not say what a call
/// cost.
package struct PriceTable: Sendable, Equatable {
    /// One price.
    package struct Entry: Sendable, Equatable {
        /// `runware` or `bfl`.
        package let engine: String
        /// The service's id of the model or, ending in `*`, how it begins; nil: every model.
        package let model: String?
        /// Nil: every operation.
        package let operation: Operation?
        /// US dollars for each thing made.
        package let each: ExactDecimal

        fileprivate func fits(_ engine: String, _ operation: Operation, _ model: String?) -> Bool {
            guard self.engine == engine, self.operation == nil || self.operation == operation else { return false }
            guard let pattern = self.model else { return true }
            guard let model else { return false }
            return pattern.hasSuffix("*") ? model.hasPrefix(pattern.dropLast()) : model == pattern
        }
    }

    /// The first that fits counts.
    package let entries: [Entry]

    /// A table; the first entry that fits counts.
    package init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// What this program knows, `Assets/studio/prices.json`: list prices of 2025. An operator's own table comes before it.
    package static func standard() throws(StudioError) -> PriceTable { try PriceTable(json: embedded) }

    /// The embedded file's contents.
    package static var embedded: [UInt8] {
        let asset = sluice_asset_studio_prices()
        return Array(UnsafeBufferPointer(start: asset.bytes, count: asset.count))
    }

    /// Reads `[{"engine": "runware", "model": "google:*", "operation": "video", "each": 0.25}, …]`.
    /// - Throws: `invalidParameter` that says which entry is wrong.
    package init(json: [UInt8]) throws(StudioError) {
        guard let root = try? JSONDocument.parse(json).root, root.kind == .array else {
            throw StudioError(.invalidParameter, "a price table is a JSON array of objects")
        }
        var entries: [Entry] = []
        for (i, view) in root.elements.enumerated() {
            let operation = view["operation"]?.string
            guard let engine = view["engine"]?.string, let each = view["each"]?.decimal, !each.isNegative,
                operation == nil || operation.flatMap(Operation.init(rawValue:)) != nil
            else {
                throw StudioError(
                    .invalidParameter,
                    "entry \(i) of the price table needs `engine`, `each` (US dollars) and, if given, an `operation` of \(Operation.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            entries.append(
                Entry(
                    engine: engine, model: view["model"]?.string,
                    operation: operation.flatMap(Operation.init(rawValue:)),
                    each: each))
        }
        self.init(entries)
    }

    /// Reads an operator's file.
    package init(file: String) throws(StudioError) {
        let bytes: [UInt8]
        do throws(Files.Failure) {
            bytes = try Files.read(file, limit: 1 << 20)
        } catch {
            throw StudioError(.fileNotReadable, "it can't be read: \(error.text)")
        }
        try self.init(json: bytes)
    }

    /// This table, and for what it does not know the other.
    package func before(_ other: PriceTable) -> PriceTable { PriceTable(entries + other.entries) }

    /// US dollars for one thing; nil when nobody knows.
    package func price(engine: String, operation: Operation, model: String?) -> ExactDecimal? {
        if engine == "local" { return .zero }
        return entries.first { $0.fits(engine, operation, model) }?.each
    }

    /// US dollars for a call with these arguments; nil when nobody knows.
    package func estimate(
        engine: String, operation: Operation, model: String?, _ arguments: ToolArguments
    ) -> ExactDecimal? {
        // What stands in for a retired model costs its own price.
        let asked = engine == "bfl" ? BFLEndpoint.name(model.flatMap(BFLEndpoint.successor) ?? model) : model
        guard let each = price(engine: engine, operation: operation, model: asked) else { return nil }
        return each.times(arguments.integer("numberResults") ?? 1)
    }
}

extension ExactDecimal {
    /// Money is counted up to numbers that fit with room to spare; nil when it does not.
    func times(_ count: Int) -> ExactDecimal? {
        var sum = ExactDecimal.zero
        for _ in 0..<max(0, min(count, 1000)) {
            guard let next = sum.adding(self) else { return nil }
            sum = next
        }
        return sum
    }
}
