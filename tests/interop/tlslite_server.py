"""TLS 1.3 by tlslite-ng, which presents a chain and signs with a key that need not belong to it. It answers nothing.

Arguments: port, chain in PEM, key in PEM, protocol of ALPN.
"""

import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

PORT, CHAIN, KEY, PROTOCOL = sys.argv[1:]

with open(CHAIN, encoding="ascii") as file:
    presented = X509CertChain()
    presented.parsePemList(file.read())
with open(KEY, encoding="ascii") as file:
    key = parsePEMKey(file.read(), private=True, implementations=["python"])
settings = HandshakeSettings()
settings.minVersion = settings.maxVersion = (3, 4)

listening = socket.create_server(("127.0.0.1", int(PORT)))
while True:
    connection = TLSConnection(listening.accept()[0])
    try:
        connection.handshakeServer(
            certChain=presented, privateKey=key, alpn=[PROTOCOL.encode()], settings=settings
        )
        # A client that took the proof would ask now.
        print("asked", len(connection.read(max=65535)), "octets", flush=True)
    except Exception as error:
        print(type(error).__name__, error, file=sys.stderr, flush=True)
    finally:
        connection.close()
