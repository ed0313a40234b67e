"""HTTP over a bare socket: bytes that no client library would send, and what comes back."""

import json
import socket
from dataclasses import dataclass, field
from typing import Any

REPLY_SECONDS = 30


@dataclass
class RawReply:
    """One reply as it came."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=REPLY_SECONDS)


def exchange(port: int, *pieces: bytes, close: bool = False) -> list[RawReply]:
    """Send pieces, with or without an end, and read until the peer closes or answers no more."""
    with connect(port) as peer:
        try:
            for piece in pieces:
                peer.sendall(piece)
            if close:
                peer.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # refused while we were still sending; the reply may be there all the same
        return read_replies(peer)


def read_replies(peer: socket.socket) -> list[RawReply]:
    """All replies until the peer closes."""
    raw = b""
    try:
        while piece := peer.recv(65536):
            raw += piece
    except ConnectionResetError:
        pass
    return parse(raw)


def parse(raw: bytes) -> list[RawReply]:
    """Replies with a Content-Length, one after another."""
    replies = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        replies.append(RawReply(int(first.split()[1]), headers, raw[:length]))
        raw = raw[length:]
    return replies
