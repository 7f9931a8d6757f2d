"""The dashboard's HTTP, as its page and as others use it."""
import http.client
import json
import ssl


class Answer:
    """One answer: status, headers, text."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


class Dashboard:
    """Of a gateway; trust: its certificate's authority, then over TLS. client: certificate and key."""

    def __init__(self, gateway, trust=None, client=None, token=None):
        self.address = gateway.dashboard
        self.token = token
        self.context = None
        if trust is not None:
            self.context = ssl.create_default_context(cafile=trust)
            if client is not None:
                self.context.load_cert_chain(*client)

    def connection(self):
        if self.context is not None:
            return http.client.HTTPSConnection(self.address, timeout=20, context=self.context)
        return http.client.HTTPConnection(self.address, timeout=20)

    def headers(self, **more):
        """The page's; None leaves one out, names have _ for -."""
        given = {"Sluice-Dashboard": "1", "Content-Type": "application/json"}
        if self.token is not None:
            given["Authorization"] = f"Bearer {self.token}"
        given.update({name.replace("_", "-"): value for name, value in more.items()})
        return {name: value for name, value in given.items() if value is not None}

    def request(self, method, path, body=None, **headers):
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=self.headers(**headers))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def call(self, method, body=None, **headers):
        """POST of a call: "LiveService/ListChains"."""
        return self.request("POST", f"/api/{method}", json.dumps(body or {}), **headers)

    def tail(self, **request):
        """Its response, whose lines can be read one after the other; close() ends it."""
        connection = self.connection()
        connection.request("POST", "/api/TapService/Tail", json.dumps(request), self.headers())
        return connection.getresponse()
