-- For wrk: sends the HTTP request in the file that is named after `--`, as it stands.
local bytes

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    bytes = file:read("*a")
    file:close()
end

function request()
    return bytes
end

-- One line that the caller can read: requests, bytes of answers, errors, microseconds.
function done(summary)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.bytes,
        e.connect + e.read + e.write + e.status + e.timeout, summary.duration))
end
