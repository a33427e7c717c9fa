import CUV

/// What went wrong between this process and the outside world: a closed code, what it was about, and how to mend it.
package struct RuntimeError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason, bounded: safe as a metric label once ``reason`` is taken.
    package enum Code: Sendable, Hashable {
        case addressInUse
        case permissionDenied
        case addressNotAvailable
        case notFound
        case connectionRefused
        case connectionReset
        case unreachable
        case timedOut
        case resolveFailed
        case processNotFound
        case notExecutable
        case tooManyOpenFiles
        case writeBufferFull
        case overloaded
        case cancelled
        case stopped
        case invalidArgument
        /// TLS refused; the context is the start of the message.
        case tls(TLSFailure)
        /// Any other failure of the system, by its errno name, for example `ENOSPC`.
        case other(String)
    }

    /// What kind of failure.
    package let code: Code
    /// What it was about: an address, a path, a program. May be empty.
    package let context: String

    /// `context` is what it was about, without quotes.
    package init(_ code: Code, _ context: String = "") {
        self.code = code
        self.context = context
    }

    /// Translates a negative libuv status.
    init(uv status: Int32, _ context: String) {
        self.init(Code(uv: status), context)
    }

    /// The same as ``message``.
    package var description: String { message }

    /// A stable word for metrics and logs; one of a fixed set.
    package var reason: String {
        switch code {
        case .addressInUse: "address_in_use"
        case .permissionDenied: "permission_denied"
        case .addressNotAvailable: "address_not_available"
        case .notFound: "not_found"
        case .connectionRefused: "connection_refused"
        case .connectionReset: "connection_reset"
        case .unreachable: "unreachable"
        case .timedOut: "timed_out"
        case .resolveFailed: "resolve_failed"
        case .processNotFound: "process_not_found"
        case .notExecutable: "not_executable"
        case .tooManyOpenFiles: "too_many_open_files"
        case .writeBufferFull: "write_buffer_full"
        case .overloaded: "overloaded"
        case .cancelled: "cancelled"
        case .stopped: "stopped"
        case .invalidArgument: "invalid_argument"
        case .tls(let failure): failure.rawValue
        case .other: "other"
        }
    }

    /// One line for people: what failed, and what to do about it.
    package var message: String {
        let what = context.isEmpty ? "" : " `\(context)`"
        return switch code {
        case .addressInUse:
            "address\(what) is already in use: stop the other program, or choose another port"
        case .permissionDenied:
            "permission denied for\(what.isEmpty ? " this operation" : what): "
                + "check owner and mode; ports below 1024 need extra rights"
        case .addressNotAvailable:
            "address\(what) does not belong to this machine: listen on 127.0.0.1, 0.0.0.0 or one of its own addresses"
        case .notFound:
            "no such file or folder\(what): check the path"
        case .connectionRefused:
            "connection to\(what) refused: check that the server runs and listens on that port"
        case .connectionReset:
            "the other side\(what) broke the connection"
        case .unreachable:
            "no route to\(what): check the network and the address"
        case .timedOut:
            "timed out\(what.isEmpty ? "" : " waiting for" + what): check that it is reachable, or allow more time"
        case .resolveFailed:
            "host name\(what) could not be resolved: check its spelling and the DNS settings"
        case .processNotFound:
            "program\(what) not found: check its spelling and PATH, or give its full path"
        case .notExecutable:
            "program\(what) can't be executed: check its mode (chmod +x) and format"
        case .tooManyOpenFiles:
            "too many open files\(what): raise the limit (ulimit -n) or lower the number of connections"
        case .writeBufferFull:
            "the other side\(what) does not read: more than the allowed bytes were waiting, so the stream was closed"
        case .overloaded:
            "too much work is waiting\(what): try again later"
        case .cancelled:
            "cancelled\(what)"
        case .stopped:
            "the event loop\(what) has stopped"
        case .invalidArgument:
            "invalid argument\(what)"
        case .tls(let failure):
            failure.message(context)
        case .other(let name):
            "the system reported \(name)\(what.isEmpty ? "" : " for" + what)"
        }
    }
}

extension RuntimeError.Code {
    /// The code of a negative libuv status.
    init(uv status: Int32) {
        switch uv_errno_t(status) {
        case UV_EADDRINUSE: self = .addressInUse
        case UV_EACCES, UV_EPERM: self = .permissionDenied
        case UV_EADDRNOTAVAIL: self = .addressNotAvailable
        case UV_ENOENT: self = .notFound
        case UV_ECONNREFUSED: self = .connectionRefused
        case UV_ECONNRESET, UV_EPIPE, UV_ECONNABORTED: self = .connectionReset
        case UV_ENETUNREACH, UV_EHOSTUNREACH, UV_ENETDOWN: self = .unreachable
        case UV_ETIMEDOUT: self = .timedOut
        case UV_EMFILE, UV_ENFILE: self = .tooManyOpenFiles
        case UV_ECANCELED: self = .cancelled
        case UV_EINVAL: self = .invalidArgument
        case UV_EAI_ADDRFAMILY, UV_EAI_AGAIN, UV_EAI_BADFLAGS, UV_EAI_CANCELED, UV_EAI_FAIL, UV_EAI_FAMILY,
            UV_EAI_MEMORY, UV_EAI_NODATA, UV_EAI_NONAME, UV_EAI_OVERFLOW, UV_EAI_PROTOCOL, UV_EAI_SERVICE,
            UV_EAI_SOCKTYPE:
            self = .resolveFailed
        default:
            self = .other(errnoName(status))
        }
    }
}

/// The errno name of a negative libuv status, for example `ENOSPC`.
func errnoName(_ status: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
        guard let base = buffer.baseAddress else { return "EUNKNOWN" }
        uv_err_name_r(status, base, buffer.count)
        return String(cString: base)
    }
}
