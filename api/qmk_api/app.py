"""The application: its parts put together, and its life from start to stop."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

from fastapi import FastAPI

from qmk_api import errors
from qmk_api.adapters import artifacts, jobs
from qmk_api.adapters.cache import RedisCache
from qmk_api.adapters.deliveries import RedisDeliveries
from qmk_api.adapters.discord import Discord
from qmk_api.adapters.gists import GitHubGists
from qmk_api.adapters.pod_logs import KubernetesPodLogs
from qmk_api.adapters.rate_limits import RateLimits
from qmk_api.adapters.redis_link import RedisLink
from qmk_api.adapters.refreshes import KubernetesRefreshes
from qmk_api.adapters.usage_counts import RedisUsageCounts
from qmk_api.body_room import BodyRoom
from qmk_api.compiling import compile_routes
from qmk_api.compiling.admissions import Admissions
from qmk_api.compiling.builds import Builds
from qmk_api.compiling.fair_use import QueueBounds
from qmk_api.compiling.lookup import Lookup
from qmk_api.compiling.queue_view import Queue
from qmk_api.compiling.submissions import Submissions
from qmk_api.converting import converter_routes
from qmk_api.downloading import download_routes
from qmk_api.downloading.source_download import Sources
from qmk_api.keyboards import keyboard_routes
from qmk_api.keyboards.catalog import Catalog
from qmk_api.keyboards.current_site import CurrentSite
from qmk_api.keyboards.site_bodies import Bodies
from qmk_api.keyboards.site_files import SiteFiles
from qmk_api.memory import Clock
from qmk_api.openapi import document as openapi
from qmk_api.ports import Ports
from qmk_api.service import build_status_routes, service_routes, skeleton_routes, usage_routes
from qmk_api.service.build_status import BuildStatus
from qmk_api.service.health import Health, Monitor
from qmk_api.services import Services
from qmk_api.serving import cors
from qmk_api.serving.access_log import AccessLog
from qmk_api.serving.paths import PlainPaths
from qmk_api.settings import Settings, WebhookSettings
from qmk_api.watching import events_routes, log_routes
from qmk_api.watching.broadcast import Broadcast
from qmk_api.watching.room import Room
from qmk_api.webhooks import webhook_routes
from qmk_contract.discord_message import Severity
from qmk_contract.queue import Limits

log = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    ports: Ports,
    *,
    clock: Clock = time.monotonic,
    now: Callable[[], float] = time.time,
) -> FastAPI:
    """Build the application over its ports. Nothing is called before it starts."""
    jobs, stored, cache = ports.jobs, ports.stored, ports.cache
    catalog = Catalog(stored, cache, clock)
    builds = Builds(stored, clock)
    build_status = BuildStatus(stored)
    running = Limits(settings.max_running)
    queue = Queue(jobs, running, clock)
    bounds = QueueBounds(settings.limits.queued_per_client, settings.limits.queued)
    admissions = Admissions(queue, bounds, running)
    health = Health()
    lookup = Lookup(jobs, builds, queue)
    broadcast = Broadcast(lookup.find, ports.logs, health, settings.external_url, Room(), clock)
    site = CurrentSite(catalog, stored, settings.default_channel)
    bodies = Bodies(stored, cache, clock)
    monitor = Monitor(health, jobs, site, cache, now=now)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await jobs.start()
        try:
            async with (
                ports.chat.running(),
                ports.gists.running(),
                build_status.running(),
                monitor.running(),
                broadcast.running(),
            ):
                yield
        finally:
            await jobs.stop()
            await cache.close()
            stored.close()

    app = FastAPI(
        title="QMK compile API",
        version=version("qmk-compile"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.services = Services(
        settings=settings,
        health=health,
        queue=queue,
        lookup=lookup,
        submissions=Submissions(settings, jobs, catalog, builds, admissions),
        artifacts=stored,
        rates=ports.rates,
        deliveries=ports.deliveries,
        refreshes=ports.refreshes,
        chat=ports.chat,
        usage=ports.usage,
        gists=ports.gists,
        sources=Sources(stored, clock),
        build_status=build_status,
        site=site,
        bodies=bodies,
        broadcast=broadcast,
        body_room=BodyRoom(),
        version=app.version,
    )
    for routes in (
        service_routes,
        skeleton_routes,
        usage_routes,
        converter_routes,
        compile_routes,
        download_routes,
        events_routes,
        log_routes,
        build_status_routes,
        webhook_routes,
    ):
        app.include_router(routes.router)
    # Keyboards come last: any path below theirs may be the name of one.
    app.include_router(keyboard_routes.router)
    errors.install(app)
    openapi.install(app)
    # The last one added is the outermost: every reply passes it, those of the others too.
    app.add_middleware(SiteFiles, current=site, bodies=bodies)
    app.add_middleware(PlainPaths)
    app.add_middleware(errors.ErrorBoundary)
    app.add_middleware(cors.AnyOrigin)
    app.add_middleware(AccessLog)
    return app


def from_settings(settings: Settings) -> FastAPI:
    """The application over Kubernetes, S3 and Redis.

    Raises:
        ConfigException: there is no kubeconfig, and this is no pod.
    """
    api_client = jobs.connect(settings.kubeconfig, settings.kube_context)
    link = RedisLink(settings.redis)
    if not settings.webhooks.secrets:
        log.info("webhooks are not configured: /postreceive refuses every delivery")
    return create_app(
        settings,
        Ports(
            jobs=jobs.KubernetesJobs(api_client, settings.namespace),
            stored=artifacts.S3Artifacts(
                artifacts.connect(settings.storage), settings.storage.bucket
            ),
            cache=RedisCache(link),
            rates=RateLimits(settings.limits, link),
            deliveries=RedisDeliveries(link, time.monotonic),
            refreshes=KubernetesRefreshes(api_client, settings.namespace),
            chat=_discord(settings.webhooks),
            usage=RedisUsageCounts(link, time.monotonic, time.time),
            logs=KubernetesPodLogs(api_client.configuration, settings.namespace),
            gists=GitHubGists(settings.github_api_url, time.monotonic),
        ),
    )


def _discord(settings: WebhookSettings) -> Discord:
    return Discord(
        {
            Severity.INFO: settings.discord_info_url,
            Severity.WARNING: settings.discord_warning_url,
            Severity.ERROR: settings.discord_error_url,
        }
    )
