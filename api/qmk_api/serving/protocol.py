"""HTTP/1.1 on one connection: uvicorn's protocol, with bounds on what a peer may send or leave.

What no application sees is refused here, as JSON open to any origin like every other error.
"""

import asyncio
import heapq
import logging
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from qmk_api.serving.refusals import refusal
from qmk_api.serving.reply_ends import readable
from qmk_api.serving.request_heads import UnfitHeadError, check, fault, origin_form

#: Request line and header fields together, and trailers, in bytes.
HEAD_BYTES_MAX = 64 * 1024
URL_BYTES_MAX = 8 * 1024
HEADERS_MAX = 100
#: From the connection, or from a request's first byte, to the end of its header.
HEAD_SECONDS = 20
#: How long a peer may take none of what it asked for.
STALL_SECONDS = 60
#: What is still read, unseen, of a peer that was refused: closed at once, it would lose the reply.
LINGER_SECONDS = 5
LINGER_BYTES = 16 << 20
CONNECTIONS_MAX = 10_000
#: The part of all connections that is closed at once for a new one, so that looking through them
#: is seldom.
ROOM_SHARE = 0.01
log = logging.getLogger(__name__)


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses what is malformed, endless or too large, and leaves peers that stall."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.url = b""
        self._in_head = False
        self._seen = False  # something that the bounds of another callback cover came
        self._loose_bytes = 0
        self._head_bytes = 0
        self._method = b""
        self._refusal = b""
        self._deaf = False
        self._discarded = 0
        self._idle_since = 0.0
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        if len(self.connections) > CONNECTIONS_MAX and not self._make_room():
            self._refuse(503, "too many connections")
        else:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.transport.close()
            return
        self._unset_keepalive_if_required()
        self._seen = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Answered as if nothing but HTTP/1.1 had been asked for, and then closed: what follows
            # may be in another protocol.
            self.cycle.keep_alive = False
            self._deaf = True
            return
        except httptools.HttpParserError as error:
            self._refuse_unfit(error, data)
            return
        if not self._seen:
            self._loose_bytes += len(data)
            if self._loose_bytes > HEAD_BYTES_MAX:
                self._refuse(431, f"more than {HEAD_BYTES_MAX} bytes of header")
                return
        waiting = self._in_head or self.cycle is None or self.cycle.response_complete
        if waiting and self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._seen = self._in_head = True
        self._loose_bytes = self._head_bytes = 0
        self._method = b""

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._method = self.parser.get_method()
        if len(self.url) > URL_BYTES_MAX:
            raise UnfitHeadError(414, f"the request target is longer than {URL_BYTES_MAX} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES_MAX or len(self.headers) > HEADERS_MAX:
            raise UnfitHeadError(
                431, f"more than {HEADERS_MAX} header fields or {HEAD_BYTES_MAX} bytes"
            )

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        check(self.parser.get_http_version(), self.headers)
        self.url = origin_form(self.url)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._seen = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._seen = True
        self.url = self._method = b""
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, readable(app, cycle, self._linger))  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        last = not self.pipeline
        self._idle_since = self.loop.time()
        super().on_response_complete()
        if self.transport.is_closing():
            if self.transport.get_write_buffer_size():
                self.pause_writing()
        elif self._refusal and last:
            self._send_refusal()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None and not self.transport.is_closing():
            self._stall_timer.cancel()
            self._stall_timer = None

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _make_room(self) -> bool:
        """Close the connections that are idle for longest; whether there were any but this one.

        Refusing new ones instead would let idle peers keep everybody out, probes as well.
        """
        idle = [
            peer
            for peer in self.connections
            if isinstance(peer, BoundedHttpProtocol) and peer is not self and peer._idle()
        ]
        count = max(1, int(CONNECTIONS_MAX * ROOM_SHARE))
        for peer in heapq.nsmallest(count, idle, key=lambda peer: peer._idle_since):
            peer.transport.close()
            # It leaves by itself only at the event loop's next turn, after others have come.
            self.connections.discard(peer)
        return bool(idle)

    def _idle(self) -> bool:
        """Between requests, or in the header of one, and with nothing left to be sent."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self.transport.get_write_buffer_size()

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(408, f"no complete header within {HEAD_SECONDS} s")
        else:
            self.transport.close()

    def _refuse_unfit(self, error: httptools.HttpParserError, data: bytes) -> None:
        if isinstance(error, httptools.HttpParserInvalidURLError):
            self._method = self.parser.get_method()
        unfit = fault(error, data)
        self._refuse(unfit.code, unfit.message)

    def _refuse(self, code: int, message: str) -> None:
        """Reply with an error once everything asked before it is answered, and close."""
        log.info("refused", extra={"fields": {"status": code, "reason": message}})
        self._deaf = True
        self._refusal = refusal(
            code,
            message,
            self.server_state.default_headers,
            method=self._method,
            target=self.url,
            whole=bool(self.url and self.headers),
        )
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._send_refusal()
        elif not cycle.more_body:
            return
        elif self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
        else:  # what was refused is the body that this request waits for
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
            else:
                self._send_refusal()

    def _send_refusal(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self._refusal)
            self._linger()
        self._refusal = b""

    def _linger(self) -> None:
        """Say that there is no more, and read on for a while without a look at it."""
        if self.transport.is_closing():
            return
        self._deaf = True
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self._leave)

    def _leave(self) -> None:
        """Close once the peer has taken what is left, if it does so in time."""
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self.pause_writing()
