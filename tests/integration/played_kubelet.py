"""A kubelet, as far as logs of containers go, played by the test: prints what the test says."""

import re
import select
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from kubernetes import client

from qmk_contract.names import BUILD_CONTAINER
from tests.waiting import wait_for

_PATH = re.compile(rf"/containerLogs/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/{BUILD_CONTAINER}")
LOOK_SECONDS = 0.02


@dataclass
class _Printed:
    text: bytearray = field(default_factory=bytearray)
    ended: bool = False


class PlayedKubelet:
    """One node with pods of one namespace whose build containers print."""

    def __init__(self, api: client.ApiClient, namespace: str, node: str, port: int) -> None:
        self._core = client.CoreV1Api(api)
        self._namespace = namespace
        self._node = node
        self._port = port
        self._pods: dict[str, _Printed] = {}
        self.changed = threading.Condition()
        #: Readers that follow a log now, and requests by pod so far.
        self.reading = 0
        self.opened: list[str] = []
        #: Requests are refused while this is set, and those under way are cut.
        self.away = threading.Event()

    def register(self) -> None:
        """Let the API server find this kubelet, and the namespace take pods."""
        account = client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="default"))
        self._core.create_namespaced_service_account(self._namespace, account)
        self._core.create_node(client.V1Node(metadata=client.V1ObjectMeta(name=self._node)))
        address = {"type": "InternalIP", "address": "127.0.0.1"}
        endpoint = {"kubeletEndpoint": {"Port": self._port}}
        self._core.patch_node_status(
            self._node, {"status": {"addresses": [address], "daemonEndpoints": endpoint}}
        )

    def add_pod(self, name: str) -> None:
        """A pod on this node whose container has not started yet."""
        container = client.V1Container(name=BUILD_CONTAINER, image="test")
        spec = client.V1PodSpec(
            containers=[container], node_name=self._node, automount_service_account_token=False
        )
        pod = client.V1Pod(metadata=client.V1ObjectMeta(name=name), spec=spec)
        self._core.create_namespaced_pod(self._namespace, pod)

    def print(self, pod: str, text: str) -> None:
        with self.changed:
            self._pods.setdefault(pod, _Printed()).text += text.encode()
            self.changed.notify_all()

    def end(self, pod: str) -> None:
        with self.changed:
            self._pods[pod].ended = True
            self.changed.notify_all()

    def wait_readers(self, count: int, *, seconds: float = 10) -> None:
        wait_for(
            f"{count} readers of logs",
            lambda: self.reading == count,
            seconds=seconds,
            interval=LOOK_SECONDS,
        )

    def pieces(self, pod: str, *, follow: bool) -> Iterator[bytes] | None:
        """What is to be sent; empty pieces while there is nothing. None: it has not started."""
        with self.changed:
            self.opened.append(pod)
            printed = self._pods.get(pod)
        return None if printed is None or self.away.is_set() else self._pieces(printed, follow)

    def _pieces(self, printed: _Printed, follow: bool) -> Iterator[bytes]:
        sent = 0
        with self.changed:
            self.reading += 1
        try:
            while not self.away.is_set():
                with self.changed:
                    if sent == len(printed.text) and not printed.ended and follow:
                        self.changed.wait(LOOK_SECONDS)
                    piece = bytes(printed.text[sent:])
                    over = printed.ended or not follow
                sent += len(piece)
                yield piece
                if over:
                    return
        finally:
            with self.changed:
                self.reading -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match = _PATH.fullmatch(url.path)
        follow = parse_qs(url.query).get("follow") == ["true"]
        pieces = match and self.server.kubelet.pieces(match["pod"], follow=follow)
        if not pieces:
            self.send_error(400, "container is waiting to start")
            return
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            elif select.select([self.connection], [], [], 0)[0]:
                return  # who asked has left: nothing else comes after a request
        if not self.server.kubelet.away.is_set():
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kubelet: PlayedKubelet

    def handle_error(self, request: object, client_address: object) -> None:
        return None  # the API server hung up


@contextmanager
def playing_kubelet(
    api: client.ApiClient, namespace: str, certificates: Path
) -> Iterator[PlayedKubelet]:
    """A kubelet of a node of its own. ``certificates`` is the API server's folder of them: it
    trusts any kubelet, so its own certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "apiserver.crt", certificates / "apiserver.key")
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    kubelet = PlayedKubelet(api, namespace, f"node-of-{namespace}", server.server_port)
    server.kubelet = kubelet
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        kubelet.register()
        yield kubelet
    finally:
        kubelet.away.set()
        server.shutdown()
        thread.join()
        server.server_close()
