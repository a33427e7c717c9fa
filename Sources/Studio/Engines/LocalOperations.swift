extension LocalEngine {
    /// Everything that this machine can do.
    /// - Parameters:
    ///   - vendor: the folder that `scripts/setup` fills with the library and the models.
    ///   - cache: a folder of ours for compiled models.
    package static func standard(vendor: String, cache: String?) -> LocalEngine {
        LocalEngine([
            LocalMasking(vendor: vendor, cache: cache)
        ])
    }
}
