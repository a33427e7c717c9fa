import Imaging

/// Something that carries out image work: the models on this machine, later also a service. Tools know engines only by
/// this. All calls block; use them on a worker thread.
package protocol ImageEngine: Sendable {
    /// What results say of where the work was done, for example `local`.
    var name: String { get }

    /// Finds things in a picture and paints them white on black.
    /// - Throws: `modelNotInstalled` when a file is missing, `inferenceError` when the model fails.
    func mask(_ picture: PixelImage, _ request: MaskRequest) throws(StudioError) -> MaskResult

    /// What is missing for the engine to work, as a text that says which and how to get it; nil when nothing is. Cheap:
    /// looks for files and loads nothing.
    func shortcoming() -> String?
}
