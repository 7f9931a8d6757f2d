"""A TCP connection's bad luck: stands between a client and a server of this machine."""
import asyncio
import socket
import struct
import threading

CHUNK = 64 << 10
PUBLISH = 3
RESET = struct.pack("ii", 1, 0)  # SO_LINGER, 0 s: close() sends a reset.


class TcpProxy:
    """Listens on a port of its own and passes everything on, until told otherwise. Its verbs may be called from any
    thread and have taken effect when they return.

    A direction is "up" (client to server) or "down". What is stalled is kept, and goes on in order; what is swallowed
    is gone for ever, while both ends believe in their connection: so a swallowed connection is never passed on again
    and must be cut.
    """

    def __init__(self, server_port):
        self.server_port = server_port
        self.links = set()
        self.gates = {}
        self.swallowing = set()
        self.budget = {}
        self.refusing = False
        self.connections = 0
        self.cuts = 0  # By cut_after().
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._on_loop(self._open())

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    # ---- what it does to connections

    def cut(self, reset=True):
        """Ends every connection there is, at whatever byte it is; new ones pass."""
        self._on_loop(self._cut(reset))

    def cut_after(self, count, direction):
        """Lets `count` more bytes pass in this direction, over all connections, and resets the one that wants more."""
        self._on_loop(self._set_budget(count, direction))

    def stall(self, *directions):
        """Nothing passes, also of new connections, until resume(). Without a direction: both."""
        self._on_loop(self._set(directions, "clear"))

    def resume(self):
        self._on_loop(self._set((), "set"))

    def swallow(self, *directions):
        """What comes from now on is taken and lost: a half-open link (both) or a one-way loss. Until restore()."""
        self._on_loop(self._swallow(directions or ("up", "down")))

    def restore(self):
        """Ends swallow() for new connections. Those that lost something are cut."""
        self._on_loop(self._swallow(()))

    def refuse(self, refusing=True):
        """New connections are reset at once."""
        self._on_loop(self._refuse(refusing))

    def close(self):
        self._on_loop(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    # ---- on the loop

    def _on_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    async def _open(self):
        self.gates = {direction: asyncio.Event() for direction in ("up", "down")}
        for gate in self.gates.values():
            gate.set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, client_reader, client_writer):
        self.connections += 1
        if self.refusing:
            self._end(client_writer, True)
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port, limit=CHUNK)
        except OSError:
            self._end(client_writer, True)
            return
        link = Link(client_writer, server_writer)
        self.links.add(link)
        for writer in link.writers:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.pumps = [asyncio.ensure_future(self._pump(link, "up", client_reader, server_writer)),
                      asyncio.ensure_future(self._pump(link, "down", server_reader, client_writer))]
        await asyncio.wait(link.pumps, return_when=asyncio.FIRST_COMPLETED)
        self._end_link(link, reset=False)

    async def _pump(self, link, direction, reader, writer):
        try:
            while data := await reader.read(CHUNK):
                await self.gates[direction].wait()
                if direction in self.swallowing:
                    link.lost = True
                    continue
                left = self.budget.get(direction)
                if left is not None:
                    self.budget[direction] = left - len(data)
                    data = data[:left]
                data, hated = self._look(link, direction, data)
                writer.write(data)
                await writer.drain()
                if hated:
                    self._end_link(link, reset=False)
                if left is not None and self.budget[direction] < 0:
                    del self.budget[direction]
                    self.cuts += 1
                    # What was written is in the kernel; a reset must not overtake it at the reader.
                    await asyncio.sleep(0.05)
                    self._end_link(link, reset=True)
        except OSError:
            pass  # Either side has gone; so does the link.

    def _look(self, link, direction, data):
        """What may pass of it, and whether that is the end of the connection."""
        return data, False

    async def _set_budget(self, count, direction):
        self.budget[direction] = count

    async def _cut(self, reset):
        for link in list(self.links):
            self._end_link(link, reset)

    def _end_link(self, link, reset):
        self.links.discard(link)
        for pump in link.pumps:
            pump.cancel()
        for writer in link.writers:
            self._end(writer, reset)

    @staticmethod
    def _end(writer, reset):
        if reset:
            try:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            except OSError:
                pass  # It has ended already.
            writer.transport.abort()
        else:
            writer.close()

    async def _set(self, directions, verb):
        for direction in directions or ("up", "down"):
            getattr(self.gates[direction], verb)()

    async def _swallow(self, directions):
        self.swallowing = set(directions)
        if not directions:
            for link in [link for link in self.links if link.lost]:
                self._end_link(link, reset=True)

    async def _refuse(self, refusing):
        self.refusing = refusing

    async def _close(self):
        self.server.close()
        await self._cut(True)
        await asyncio.sleep(0)


class PickyProxy(TcpProxy):
    """With the broker behind it, one that closes a connection without a word when a client publishes to a topic for which
    `hates(topic, qos)` holds. What came before it is taken."""

    def __init__(self, server_port, hates):
        self.hates = hates
        super().__init__(server_port)

    def _look(self, link, direction, data):
        if direction == "down":
            return data, False
        link.unfinished += data
        end = 0
        while (packet := self._packet(link.unfinished, end)) is not None:
            kind, flags, body, following = packet
            if kind == PUBLISH:
                length = int.from_bytes(body[:2], "big")
                if self.hates(body[2:2 + length].decode(), flags >> 1 & 3):
                    return link.unfinished[:end], True
            end = following
        passed, link.unfinished = link.unfinished[:end], link.unfinished[end:]
        return passed, False

    @staticmethod
    def _packet(data, start):
        """Type, flags, body and where the next one begins; None: it has not come as a whole."""
        length, shift, at = 0, 0, start + 1
        while at < len(data):
            length |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                if at + length > len(data):
                    return None
                return data[start] >> 4, data[start] & 15, data[at:at + length], at + length
        return None


class Link:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, client_writer, server_writer):
        self.writers = (client_writer, server_writer)
        self.pumps = []
        self.lost = False
        self.unfinished = b""  # Of PickyProxy: the beginning of a packet.
