import Base

/// How a studio is set up.
package struct StudioOptions: Sendable {
    /// Uploads, the index of their UUIDs, and results.
    package var dataFolder = "./sluice-data/studio"
    /// Whose tools are offered; empty: all.
    package var profiles: Set<StudioProfile> = []
    /// Folders whose pictures may be read on an agent's word.
    package var allowedFolders: [String] = []
    /// The folder with OpenVINO's library and the models.
    package var vendorFolder = "vendor"
    /// Whether a model without weights here may be replaced by one that covers the same thing.
    package var substitutesModels = false
    /// `host` or `host:port` to which results may be sent.
    package var uploadHosts: [String] = []
    /// Whether pictures behind https URLs of public hosts are read.
    package var fetches = true
    /// `host` or `host:port` whose pictures may be read over plain http and at private addresses.
    package var fetchHosts: [String] = []
    /// Runware's API.
    package var runware = ServiceOptions(url: "https://api.runware.ai/v1")
    /// The API of Black Forest Labs.
    package var bfl = ServiceOptions(url: "https://api.bfl.ai")
    /// What the operator knows about prices; comes before what the program knows.
    package var prices = PriceTable([])
    /// Engines that are bound to operations.
    package var routes: [Operation: String] = [:]
    /// Serve MCP at this loopback address over HTTP; nil: over standard input and output.
    package var http: Endpoint?
    /// Bytes of one message or request body.
    package var messageLimit = 32 << 20
    /// Bytes of one picture.
    package var imageLimit = 32 << 20
    /// Bytes of all uploads, and of all results.
    package var storeLimit = 1 << 30
    /// How long the URL of a result works.
    package var linkLifetime = TimeSpan.hours(1)
    /// Calls that are worked on at once.
    package var threads = 2
    /// Calls that may wait for a thread.
    package var queue = 32
    /// How long calls in flight may take after we were asked to stop.
    package var grace = TimeSpan.seconds(10)

    /// The defaults: stdio, no readable folder.
    package init() {}

    /// An IP address and a port; port 0 lets the system choose.
    package struct Endpoint: Sendable, Equatable {
        /// Without brackets.
        package let ip: String
        /// 0 lets the system choose.
        package let port: UInt16

        /// An address to listen on.
        package init(ip: String, port: UInt16) {
            self.ip = ip
            self.port = port
        }
    }
}
