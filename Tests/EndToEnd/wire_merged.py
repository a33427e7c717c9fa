"""The raw clients at `/mcp`, where the gateway has other names for what a server calls its own: says and shows the server's."""

import base64
import json

from wire import Legacy, Modern


class Place(str):
    """The URL of `/mcp`, and the server behind it that a client is about."""

    def __new__(cls, url, server):
        place = super().__new__(cls, url)
        place.server = server
        return place


class Renames:
    """For `url` a Place. Lists show what is the server's, and nothing else."""

    LISTS = ("tools", "prompts", "resources", "resourceTemplates")

    def name(self, text):
        return f"{self.url.server}__{text}"

    def uri(self, text):
        return f"sluice.{self.url.server.replace('_', '.')}+{text}"

    def own_name(self, text):
        return text.removeprefix(f"{self.url.server}__") if text.startswith(f"{self.url.server}__") else None

    def own_uri(self, text):
        return text.removeprefix(self.uri("")) if text.startswith(self.uri("")) else None

    def outward(self, body, fields):
        try:
            message = json.loads(body)
        except ValueError:
            return body, fields
        if not isinstance(message, dict) or not isinstance(message.get("params"), dict):
            return body, fields
        method, params = message.get("method"), message["params"]
        translate = None
        if method in ("tools/call", "prompts/get") and isinstance(params.get("name"), str):
            params["name"], translate = self.name(params["name"]), self.name
        elif method in ("resources/read", "resources/subscribe", "resources/unsubscribe") and "uri" in params:
            params["uri"], translate = self.uri(params["uri"]), self.uri
        elif method == "completion/complete":
            ref = params["ref"]
            if "name" in ref:
                ref["name"] = self.name(ref["name"])
            else:
                ref["uri"] = self.uri(ref["uri"])
        elif method == "subscriptions/listen" and "resourceSubscriptions" in params["notifications"]:
            wanted = params["notifications"]
            wanted["resourceSubscriptions"] = [self.uri(uri) for uri in wanted["resourceSubscriptions"]]
        if translate and fields.get("Mcp-Name") is not None:
            fields = {**fields, "Mcp-Name": self.header(fields["Mcp-Name"], translate)}
        return json.dumps(message).encode(), fields

    @staticmethod
    def header(value, translate):
        bare = value.strip()
        if bare.startswith("=?base64?"):
            inner = base64.b64decode(bare.removeprefix("=?base64?").removesuffix("?=")).decode()
            return f"=?base64?{base64.b64encode(translate(inner).encode()).decode()}?="
        return value.replace(bare, translate(bare))

    def inward(self, message, sent):
        if not isinstance(message, dict):
            return message
        result = message.get("result")
        if isinstance(result, dict):
            for kind in self.LISTS:
                if isinstance(result.get(kind), list):
                    result[kind] = [entry for entry in result[kind] if self.is_own(entry, kind)]
        return self.bare(message)

    def is_own(self, entry, kind):
        """Puts the server's own name into an entry that is its own."""
        if kind in ("resources", "resourceTemplates"):
            return self.own_uri(entry["uri" if kind == "resources" else "uriTemplate"]) is not None
        name = self.own_name(entry["name"])
        if name is not None:
            entry["name"] = name
        return name is not None

    def bare(self, value):
        """The value with the server's own URIs."""
        if isinstance(value, list):
            return [self.bare(item) for item in value]
        if not isinstance(value, dict):
            return value
        out = {}
        for key, member in value.items():
            if key in ("uri", "uriTemplate") and isinstance(member, str):
                out[key] = self.own_uri(member) or member
            else:
                out[key] = self.bare(member)
        return out


class MergedLegacy(Renames, Legacy):
    pass


class MergedModern(Renames, Modern):
    pass
