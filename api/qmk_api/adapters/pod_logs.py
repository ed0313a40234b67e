"""What build pods print, by the Kubernetes API's log subresource.

The official client blocks a thread until a pod prints something, and nothing can end that wait.
So its configuration is used for requests of our own, which can be cancelled at any time.
"""

import contextlib
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
from kubernetes import client

from qmk_api.ports import KubernetesUnavailable
from qmk_contract.names import BUILD_CONTAINER

#: What is read of one log: the largest log that an operator may be told to keep.
FOLLOWED_BYTES_MAX = 64 << 20
READ_BYTES_MAX = 4 << 20
CONNECT_SECONDS = 2
READ_SECONDS = 5
#: How long a pod may print nothing until the connection is taken for dead and made anew.
SILENCE_SECONDS = 60
CONNECTIONS_MAX = 256
_POD_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class KubernetesPodLogs:
    """Logs of the build containers of one namespace's pods."""

    def __init__(self, configuration: client.Configuration, namespace: str) -> None:
        self._configuration = configuration
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._http: httpx.AsyncClient | None = None

    async def follow(self, pod: str) -> AsyncGenerator[bytes, None]:
        async with self._open(pod, FOLLOWED_BYTES_MAX, SILENCE_SECONDS, follow=True) as answer:
            async for chunk in answer.aiter_bytes():
                yield chunk

    async def read(self, pod: str) -> bytes:
        async with self._open(pod, READ_BYTES_MAX, READ_SECONDS, follow=False) as answer:
            return await answer.aread()

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    @contextlib.asynccontextmanager
    async def _open(
        self, pod: str, bytes_max: int, seconds: float, *, follow: bool
    ) -> AsyncIterator[httpx.Response]:
        if not _POD_NAME.fullmatch(pod):
            raise KubernetesUnavailable("the pod of this build has no name that can be asked for")
        if self._http is None:
            self._http = _http_client(self._configuration)
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        query: dict[str, str | int | bool] = {
            "container": BUILD_CONTAINER, "follow": follow, "limitBytes": bytes_max,
        }  # fmt: skip
        try:
            async with self._http.stream(
                "GET",
                f"{self._path}/{pod}/log",
                params=query,
                headers=_headers(self._configuration),
                timeout=timeout,
            ) as answer:
                if answer.status_code != 200:
                    text = (await answer.aread())[:200].decode(errors="replace")
                    raise KubernetesUnavailable(
                        "the log of this build cannot be read now"
                    ) from OSError(f"HTTP {answer.status_code} {text}")
                yield answer
        except (httpx.HTTPError, OSError) as error:
            raise KubernetesUnavailable("the log of this build cannot be read now") from error


def _headers(configuration: client.Configuration) -> dict[str, str]:
    """The token of a service account, read anew where it has been renewed.

    Nothing is compressed: a compressor keeps lines back.
    """
    headers = {"Accept-Encoding": "identity"}
    auth = configuration.auth_settings().get("BearerToken")
    if auth and auth["value"]:
        headers["Authorization"] = auth["value"]
    return headers


def _http_client(configuration: client.Configuration) -> httpx.AsyncClient:
    context = ssl.create_default_context(
        cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data
    )
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return httpx.AsyncClient(
        base_url=configuration.host,
        verify=context,
        trust_env=False,
        limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=4),
    )
