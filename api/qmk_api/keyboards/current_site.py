"""The keyboard site that is served: that of the commit where the default channel points."""

import asyncio
import json
import logging

from qmk_api.keyboards.catalog import Catalog
from qmk_api.keyboards.site import Site
from qmk_api.ports import Artifacts, StorageUnavailable
from qmk_api.single_flight import SingleFlight
from qmk_contract import artifacts
from qmk_contract.codec import BodyError, from_body
from qmk_contract.site import SiteIndex

INDEX_BYTES_MAX = 64 << 20
log = logging.getLogger(__name__)


class CurrentSite:
    """Follows a channel. Until the site of a new commit is there, the old one is served."""

    def __init__(self, catalog: Catalog, stored: Artifacts, channel: str) -> None:
        self._catalog = catalog
        self._stored = stored
        self._channel = channel
        self._site: Site | None = None
        self._refused: str | None = None
        self._first: SingleFlight[bool] = SingleFlight()

    @property
    def loaded(self) -> Site | None:
        """What is served, without I/O; None before the first site is there."""
        return self._site

    async def get(self) -> Site:
        """What is served.

        Raises:
            StorageUnavailable: nothing can be served yet.
        """
        if self._site is None:
            await self._first.do(self._channel, self.refresh)
        if self._site is None:
            raise StorageUnavailable("no keyboards are published yet, try again shortly")
        return self._site

    async def refresh(self) -> bool:
        """Look where the channel points now, and load that site; whether it points anywhere.

        Raises:
            StorageUnavailable
        """
        channel = await self._catalog.refresh_channel(self._channel)
        if channel is None:
            return False
        if self._site is None or self._site.commit != channel.commit:
            site = await self._load(channel.commit)
            self._site = site or self._site
        return True

    async def _load(self, commit: str) -> Site | None:
        content, aliases = await asyncio.gather(
            self._stored.read(artifacts.site_index(commit), INDEX_BYTES_MAX),
            self._catalog.aliases(commit),
        )
        try:
            if content is None:
                raise BodyError("it has no index")
            index = await asyncio.to_thread(_read_index, content)
        except ValueError as error:
            if self._refused != commit:
                log.error("the keyboard site of %s cannot be served: %s", commit, error)
            self._refused = commit
            return None
        log.info("serving the keyboard site of %s: %d files", commit, len(index.files))
        return Site(commit, index.files, aliases, index.faults)


def _read_index(content: bytes) -> SiteIndex:
    return from_body(SiteIndex, json.loads(content))
