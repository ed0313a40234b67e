"""The keyboard site that is served: that of the commit where the default channel points."""

import asyncio
import logging

from qmk_api.keyboards.catalog import Catalog
from qmk_api.keyboards.site import Site
from qmk_api.ports import Artifacts, DamagedMetadata, StorageUnavailable
from qmk_api.single_flight import SingleFlight
from qmk_contract import artifacts
from qmk_contract.site import INDEX_BYTES_MAX, read_index

#: Of what damage is said in the log. Names out of the tree may be in it.
_TEXT_MAX = 300
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
            if self._refused is not None:
                raise DamagedMetadata
            raise StorageUnavailable("no keyboards are published yet, try again shortly")
        return self._site

    async def refresh(self) -> bool:
        """Look where the channel points now, and load that site; whether that is what is served.

        Raises:
            StorageUnavailable: S3 did not answer; damage in what it answers is no more than said.
        """
        where = f"channel {self._channel}"
        try:
            channel = await self._catalog.refresh_channel(self._channel)
            if channel is None:
                return False
            where = channel.commit
            if self._site is None or self._site.commit != channel.commit:
                self._site = await self._load(channel.commit)
        except DamagedMetadata as error:
            self._say(where, error.__cause__)
            return False
        self._refused = None
        return True

    async def _load(self, commit: str) -> Site:
        content, aliases = await asyncio.gather(
            self._stored.read(artifacts.site_index(commit), INDEX_BYTES_MAX + 1),
            self._catalog.aliases(commit),
        )
        try:
            if content is None:
                raise ValueError("it has no index")
            index, left_out = await asyncio.to_thread(read_index, content, commit)
        except ValueError as error:
            raise DamagedMetadata from error
        if left_out:
            log.warning("the index of %s lists %d files of no site", commit, len(left_out))
        log.info("serving the keyboard site of %s: %d files", commit, len(index.files))
        return Site(commit, index.files, aliases, index.faults)

    def _say(self, where: str, why: object) -> None:
        said = f"{where} cannot be served: {str(why)[:_TEXT_MAX]}"
        if said != self._refused:
            log.error("the keyboard site of %s", said)
        self._refused = said
