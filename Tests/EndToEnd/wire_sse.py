"""The raw client on the transport of 2024-11-05: one stream for all that the server says, a POST for each message to it."""

import json
import socket

from wire import Legacy, Reply, events
from wire_merged import Renames
from wire_pipe import Line, Talks


class Channel(Line):
    """The stream, and the place for messages that it names at its beginning."""

    def __init__(self, wire):
        self.connection, self.response = wire.open("GET", fields={"Accept": "text/event-stream", "Content-Type": None})
        if self.response.status != 200:
            raise AssertionError(f"no stream: {self.response.status} {self.response.read()[:300]!r}")
        self.events = events(self.response)
        self.place, fields = next(self.events)
        assert fields["event"] == "endpoint", fields
        super().__init__()

    def messages(self):
        try:
            for data, fields in self.events:
                if data is not None:
                    assert fields["event"] == "message", fields
                    yield json.loads(data)
        except (OSError, ValueError, AttributeError):
            pass  # Closed.

    def close(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.reader.join()
        self.connection.close()


class OldLegacy(Talks, Legacy):
    over = "sse"

    def initialize(self):
        self.pipe = Channel(self)
        super().initialize()

    def put(self, body, fields):
        connection, response = self.open("POST", body, fields, path=self.pipe.place)
        with connection:
            body = response.read()
        if response.status == 202:
            return None
        refused = Reply(response.status, {}, "application/json")
        refused.body = body
        if body:
            refused.messages.append(json.loads(body))
        return refused

    def close(self):
        super().close()
        self.pipe.close()


class MergedOldLegacy(Renames, OldLegacy):
    pass
