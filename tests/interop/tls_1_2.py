"""TLS 1.2 by Python's OpenSSL before a server in clear text. It writes each connection's tls-unique and what came over it.

Arguments: port, certificate and key in PEM, port of the server, folder. Of connection N it writes the files `N.unique`, in
base64, and `N.sent`.
"""

import base64
import pathlib
import socket
import ssl
import sys
import threading

PORT, IDENTITY, SERVER, FOLDER = sys.argv[1:]

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(IDENTITY)


def pass_on(source, sink, copy=None):
    try:
        while octets := source.recv(65536):
            if copy is not None:
                copy.write(octets)
            sink.sendall(octets)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(number, stream):
    with context.wrap_socket(stream, server_side=True) as tls:
        assert tls.version() == "TLSv1.2"
        unique = base64.b64encode(tls.get_channel_binding("tls-unique"))
        pathlib.Path(FOLDER, f"{number}.unique").write_bytes(unique)
        with (
            socket.create_connection(("127.0.0.1", int(SERVER))) as server,
            open(pathlib.Path(FOLDER, f"{number}.sent"), "wb", buffering=0) as sent,
        ):
            back = threading.Thread(target=pass_on, args=(server, tls))
            back.start()
            pass_on(tls, server, sent)
            back.join()


def attempt(number, stream):
    try:
        serve(number, stream)
    except (OSError, ssl.SSLError) as error:
        print(type(error).__name__, error, file=sys.stderr, flush=True)


listening = socket.create_server(("127.0.0.1", int(PORT)))
number = 0
while True:
    threading.Thread(target=attempt, args=(number, listening.accept()[0]), daemon=True).start()
    number += 1
