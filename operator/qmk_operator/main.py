"""The operator's program: ``kopf run -m qmk_operator.main --namespace NAMESPACE``."""

import logging
import random
from typing import Any

import kopf

from qmk_contract.names import GROUP, MANAGED_BY
from qmk_operator import handlers
from qmk_operator.cluster import SELECTOR
from qmk_operator.runtime import Runtime
from qmk_operator.settings import SettingsError, from_process

__all__ = ["handlers"]  # importing them registers them

#: Above this delay the event loop does not do its work, and a restart is the cure.
_LAG_LIMIT_SECONDS = 30.0


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Configure kopf, read our own settings, start our own part."""
    configure(settings)
    try:
        memo.runtime = Runtime(from_process())
    except SettingsError as error:
        raise kopf.PermanentError(f"Unfit settings: {error}") from error
    memo.runtime.start()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Finish what has begun."""
    await memo.runtime.stop()


@kopf.on.login()
def login(**keywords: Any) -> kopf.ConnectionInfo | None:
    """In a pod its service account, elsewhere the kubeconfig; asks no other library."""
    return kopf.login_with_service_account(**keywords) or kopf.login_with_kubeconfig(**keywords)


@kopf.on.probe(id="operator")
async def probe(memo: kopf.Memo, **_: Any) -> dict[str, Any]:
    """Fail when the event loop hangs or a watch is dead; a long queue is no illness."""
    health: dict[str, Any] = memo.runtime.health()
    late = health["loopLagSeconds"] > _LAG_LIMIT_SECONDS
    if late or health["staleWatches"] or health["deadTasks"]:
        raise kopf.PermanentError(f"Unhealthy: {health}")
    return health


def configure(settings: kopf.OperatorSettings) -> None:
    """Make kopf a watcher of one namespace that writes nothing to the cluster."""
    # At INFO they tell of each event and each probe; faults stay visible.
    for name in ("kopf.objects", "kopf.activities.probe", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.posting.reporting_component = MANAGED_BY
    settings.persistence.finalizer = f"{GROUP}/operator"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP, v1=False)
    settings.watching.label_selectors["batch", "v1", "jobs"] = SELECTOR
    settings.watching.label_selectors["", "v1", "pods"] = SELECTOR
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 30
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 15
    settings.networking.connect_timeout = 5
    # About two minutes in all, then kopf gives up and the pod is restarted.
    settings.networking.error_backoffs = [
        min(10.0, 0.25 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311
        for attempt in range(18)
    ]
    settings.queueing.idle_timeout = 0.1
    settings.queueing.worker_limit = 100
    settings.process.ultimate_exiting_timeout = 25
