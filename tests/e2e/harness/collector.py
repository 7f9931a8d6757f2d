"""A collector of traces: takes OTLP over HTTP and keeps what it is sent."""
import http.server
import ssl
import threading

from sluice.otlp.v1 import otlp_pb2 as otlp

from harness.wait import wait_on


class SpanSeen:
    """A span, with its attributes as a dict and its ids as digits."""

    def __init__(self, service, span):
        self.service = service
        self.trace = span.trace_id.hex()
        self.id = span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.name = span.name
        self.kind = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}[span.kind]
        self.start = span.start_time_unix_nano
        self.end = span.end_time_unix_nano
        self.error = span.status.message if span.status.code == 2 else None
        self.links = [(link.trace_id.hex(), link.span_id.hex()) for link in span.links]
        self.attributes = {one.key: value_of(one.value) for one in span.attributes}

    def __repr__(self):
        return f"{self.service}: {self.name} {self.trace}/{self.id} in {self.parent or 'none'}"


def value_of(value):
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


class Collector:
    """Listens at once. `answers`: statuses for the next requests, with headers; then 200."""

    def __init__(self, certificate=None):
        self.changed = threading.Condition(threading.RLock())
        self.spans = []
        self.requests = []  # (path, headers)
        self.answers = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = collector.take(self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.address = f"127.0.0.1:{self.port}"
        self.endpoint = f"{'https' if certificate else 'http'}://{self.address}/v1/traces"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def take(self, path, headers, body):
        request = otlp.ExportTraceServiceRequest.FromString(body)
        with self.changed:
            self.requests.append((path, headers))
            status, answer = self.answers.pop(0) if self.answers else (200, {})
            if status == 200:
                for resource in request.resource_spans:
                    attributes = {one.key: value_of(one.value) for one in resource.resource.attributes}
                    service = attributes.get("service.name")
                    for scope in resource.scope_spans:
                        self.spans += [SpanSeen(service, span) for span in scope.spans]
            self.changed.notify_all()
            return status, answer

    def named(self, beginning, service=None):
        with self.changed:
            return [span for span in self.spans if span.name.startswith(beginning) and service in (None, span.service)]

    def expect(self, beginning, count=1, service=None, seconds=15.0):
        wait_on(self.changed, lambda: len(self.named(beginning, service)) >= count,
                lambda: f"{count} spans '{beginning}…': {self.spans}", seconds)
        return self.named(beginning, service)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
