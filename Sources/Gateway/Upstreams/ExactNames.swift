/// Names are what their bytes are: Swift takes two spellings of a letter for one text, and a server has two tools.
extension Dictionary where Key == String {
    /// The value of a key of just these bytes.
    func exactly(_ key: String) -> Value? {
        guard let index = index(forKey: key), self[index].key.utf8.elementsEqual(key.utf8) else { return nil }
        return self[index].value
    }

    /// Whether there is a key that Swift takes for this one, of other bytes.
    func hasOtherSpelling(of key: String) -> Bool {
        index(forKey: key).map { !self[$0].key.utf8.elementsEqual(key.utf8) } ?? false
    }
}
