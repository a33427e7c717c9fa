import Imaging

extension LocalEngine {
    /// Everything that this machine can do.
    /// - Parameters:
    ///   - vendor: the folder that `scripts/setup` fills with the library and the models; the operator's own are in its
    ///     folder `own`.
    ///   - cache: a folder of ours for compiled models.
    package static func standard(vendor: String, cache: String?) -> LocalEngine {
        let own = OwnModels(vendor: vendor)
        let masker = own.masker(vendor: vendor, cache: cache)
        let shop = LocalShop(models: UserModels(vendor: vendor, cache: cache), own: own)
        let folders = LocalFolders(vendor: vendor, cache: cache, own: own)
        return LocalEngine([
            LocalMasking(masker, own: own),
            LocalCutout(shop, masker: masker),
            LocalUpscaling(shop),
            LocalFilling(shop, .inpaint),
            LocalFilling(shop, .imageInference),
            LocalEdges(.controlMap),
            LocalEdges(.control),
            LocalDiffusion(folders, .generate),
            LocalDiffusion(folders, .editImage),
            LocalDiffusion(folders, .imageInference),
            LocalCaptioning(folders),
        ])
    }
}
