import Base
import HTTP
import Runtime

/// Brings results from a service here before their links expire: into memory for pictures, into a file for videos.
struct Downloads: Sendable {
    let web: Web
    let service: Service
    let options: ServiceOptions
    /// The service itself, whose files may lie at a private address if it does; all others have to be public and https.
    let home: Origin
    let maxPictureBytes: Int

    /// Videos of a few seconds weigh a few megabytes. As much memory as sending one to an `uploadEndpoint` takes.
    static let maxVideoBytes = 256 << 20

    /// A picture's file.
    func picture(_ url: String, until deadline: TimeSpan, _ call: CallContext) async throws(StudioError) -> [UInt8] {
        var message = ClientRequest(.get, try target(url), fields: Fields((.accept, "image/*")))
        message.maxBody = maxPictureBytes
        let request = message
        return try await web.repeating(options, until: deadline, call) {
            do throws(Web.Failure) {
                let answer = try await web.send(request, until: deadline, call)
                guard let problem = refusal(answer.head, wants: "image/") else { return .done(answer.body) }
                return problem.isRetryable ? .again(problem) : .refused(problem)
            } catch {
                guard case .failed(let failure) = error else { return .refused(unreadable(error)) }
                if failure.code == .bodyTooLarge {
                    return .refused(failed("is larger than \(maxPictureBytes) bytes"))
                }
                return .again(failed("can't be fetched: \(failure.detail)"))
            }
        }
    }

    /// A video, into a file of the output folder.
    func video(
        _ url: String, into file: IncomingFile, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) {
        let request = ClientRequest(.get, try target(url), fields: Fields((.accept, "video/*")))
        try await web.repeating(options, until: deadline, call) { () async -> Web.Attempt<Void> in
            // What can't get better: our disk, a video too large, a call that is over.
            var isFinal = false
            do throws(StudioError) {
                try await call.work(mayRefuse: false) { () throws(StudioError) in try file.restart() }
                try await web.stream(
                    request, until: deadline, call,
                    failure: { failure in
                        if case .failed = failure {} else { isFinal = true }
                        return unreadable(failure)
                    },
                    head: { head throws(StudioError) in
                        guard let problem = refusal(head, wants: "video/") else { return }
                        isFinal = !problem.isRetryable
                        throw problem
                    },
                    part: { bytes throws(StudioError) in
                        isFinal = true
                        guard file.count + bytes.count <= Self.maxVideoBytes else {
                            throw failed("is larger than \(Self.maxVideoBytes) bytes")
                        }
                        try await call.work(mayRefuse: false) { () throws(StudioError) in try file.append(bytes) }
                        isFinal = false
                    })
            } catch {
                return isFinal || error.code == .storageFailed || error.code == .cancelled
                    ? .refused(error) : .again(error)
            }
            return file.count > 0 ? .done(()) : .again(failed("is empty"))
        }
    }

    private func target(_ url: String) throws(StudioError) -> HTTPURL {
        do throws(HTTPError) {
            let parsed = try HTTPURL(url)
            if parsed.origin.isSame(as: home) { return try HTTPURL(url, allowPrivate: home.allowPrivate) }
            guard parsed.origin.trust != nil else { throw HTTPError(.unsupportedScheme, "it is not https") }
            return parsed
        } catch {
            throw failed("has a link that can't be used: \(error.detail)")
        }
    }

    private func refusal(_ head: ResponseHead, wants kind: StaticString) -> StudioError? {
        switch head.status.code {
        case 200:
            guard let type = head.fields[.contentType], !type.hasPrefixIgnoringCase(kind),
                !type.hasPrefixIgnoringCase("application/octet-stream"),
                !type.hasPrefixIgnoringCase("binary/octet-stream")
            else { return nil }
            return StudioError(
                .serviceFailed, "the result of \(service.title) is of type \(quoted(type.string)), not \(kind)…",
                service: service.facts)
        case 403, 404, 410:
            return StudioError(
                .serviceRefused, "the result's link at \(service.title) has expired (\(head.status.code))",
                service: service.facts)
        default: return failed("can't be fetched: the server answered \(head.status.code)")
        }
    }

    private func failed(_ what: String) -> StudioError {
        StudioError(.serviceFailed, "the result of \(service.title) \(what)", service: service.facts)
    }

    private func unreadable(_ failure: Web.Failure) -> StudioError {
        Web.error(failure, "the result of \(service.title)", service.facts)
    }
}
