import Store

extension SQLiteConfigurationStore {
    package func searchCatalogue(_ query: CatalogueQuery) throws(StoreError) -> [CatalogueHit] {
        try read { db throws(StoreError) in
            guard var search = try CatalogueSearch(db, query) else { return [] }
            return try search.hits()
        }
    }

    package func catalogueOverview() throws(StoreError) -> [CatalogueHit] {
        try read { db throws(StoreError) in
            let query = try db.prepare("\(CatalogueSearch.columns) ORDER BY s.name, t.position")
            var hits: [CatalogueHit] = []
            while try query.step() { hits.append(Self.hit(query)) }
            return hits
        }
    }
}
