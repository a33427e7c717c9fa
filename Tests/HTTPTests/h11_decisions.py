"""Writes Golden/h11.tsv: what Python's h11 (PyPI, MIT) makes of sound and damaged requests.

    python3 Tests/HTTPTests/h11_decisions.py

Each line: the bytes in hexadecimal, a tab, and h11's decisions: `head METHOD target` and `body bytes` in hexadecimal,
and at the end `more` (it waits), `closed`, or `failed`. H11Tests.swift reads them: whatever our parser takes, h11 must
have taken in the same way. Only needed to make the file anew; the tests themselves need no Python.
"""
import os
import random

import h11

SOUND = [
    b"GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /a/b?x=1&y=%20 HTTP/1.1\r\nHost: example.com:8080\r\nAccept: */*\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n06;x=y\r\n world\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost:\t a \t\r\nX:\r\nZ: a  b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    b"GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
    b"DELETE /mcp/studio HTTP/1.1\r\nHost: a\r\nMcp-Session-Id: 123\r\nAuthorization: Bearer slg_x\r\n\r\n",
]
FRAGMENTS = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"0\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: 7\r\n",
    b"Transfer-Encoding: chunked\r\n", b"chunked", b",", b";", b"%", b"5", b"a", b"\x0b", b"-", b"+", b"Host: b\r\n",
    b"identity", b"HTTP/1.0", b"\x7f", b"\x80",
]


def damaged(numbers, data):
    data = bytearray(data)
    for _ in range(numbers.randrange(1, 4)):
        if not data:
            break
        at = numbers.randrange(len(data))
        kind = numbers.randrange(6)
        if kind == 0:
            data[at] = numbers.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << numbers.randrange(8)
        elif kind == 2:
            del data[at]
        elif kind == 3:
            data[at:at] = numbers.choice(FRAGMENTS)
        elif kind == 4:
            del data[at:at + 1 + numbers.randrange(10)]
        else:
            data[numbers.randrange(len(data) + 1):0] = data[at:at + 1 + numbers.randrange(30)]
    return bytes(data)


def decisions(data):
    found = []
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    try:
        connection.receive_data(data)
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return found + ["more"]
            if event is h11.PAUSED:
                if connection.our_state is h11.SEND_RESPONSE:
                    connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                    connection.send(h11.EndOfMessage())
                if h11.MUST_CLOSE in (connection.our_state, connection.their_state):
                    return found + ["closed"]
                connection.start_next_cycle()
            elif isinstance(event, h11.Request):
                found.append("head %s %s" % (event.method.decode(), bytes(event.target).hex()))
                body = b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append("body " + body.hex())
            else:
                return found + ["closed"]
    except h11.RemoteProtocolError:
        return found + ["failed"]


def main():
    numbers = random.Random(2)
    cases = list(SOUND)
    for _ in range(700):
        data = numbers.choice(SOUND)
        if numbers.random() < 0.85:
            data = damaged(numbers, data)
        if numbers.random() < 0.3:
            data += numbers.choice(SOUND)
        cases.append(data)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Golden", "h11.tsv")
    with open(path, "w") as file:
        for data in dict.fromkeys(cases):
            file.write(data.hex() + "\t" + "|".join(decisions(data)) + "\n")


if __name__ == "__main__":
    main()
