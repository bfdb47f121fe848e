"""DNS over QUIC (RFC 9250) and DNS over HTTP/3 by aioquic, before a resolver in clear text.

Arguments: port, chain in PEM, key in PEM, port of the resolver.
"""

import asyncio
import base64
import socket
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, StreamDataReceived

PORT, CHAIN, KEY, RESOLVER = sys.argv[1:]


def resolved(query):
    """Asks the resolver, which answers at once: it is on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.sendto(query, ("127.0.0.1", int(RESOLVER)))
        return asking.recv(65535)


class Server(QuicConnectionProtocol):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = None
        self.received = {}
        self.paths = {}

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated) and event.alpn_protocol in H3_ALPN:
            self.http = H3Connection(self._quic)
        if self.http is not None:
            for happened in self.http.handle_event(event):
                self.by_http(happened)
        elif isinstance(event, StreamDataReceived):
            self.by_stream(event)

    def by_stream(self, event):
        received = self.received.get(event.stream_id, b"") + event.data
        self.received[event.stream_id] = received
        if event.end_stream:
            length = int.from_bytes(received[:2], "big")
            assert len(received) == 2 + length, "a query is its length, itself and FIN"
            answer = resolved(received[2:])
            framed = len(answer).to_bytes(2, "big") + answer
            self._quic.send_stream_data(event.stream_id, framed, end_stream=True)
            self.transmit()

    def by_http(self, event):
        stream = event.stream_id
        if isinstance(event, HeadersReceived):
            self.paths[stream] = dict(event.headers)[b":path"].decode()
        elif isinstance(event, DataReceived):
            self.received[stream] = self.received.get(stream, b"") + event.data
        if event.stream_ended:
            query = self.received.get(stream, b"")
            if "?dns=" in self.paths[stream]:
                text = self.paths[stream].split("?dns=")[1]
                query = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            answer = resolved(query)
            headers = [(b":status", b"200"), (b"content-type", b"application/dns-message")]
            self.http.send_headers(stream, headers)
            self.http.send_data(stream, answer, end_stream=True)
            self.transmit()


async def main():
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["doq"] + H3_ALPN)
    configuration.load_cert_chain(CHAIN, KEY)
    await serve("127.0.0.1", int(PORT), configuration=configuration, create_protocol=Server)
    await asyncio.Future()


asyncio.run(main())
