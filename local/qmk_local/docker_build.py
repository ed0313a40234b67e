"""Image builds by a Docker engine, for a cluster of kind."""

from collections.abc import Callable
from pathlib import Path

from qmk_local.commands import run
from qmk_local.image_recipes import ImageRecipe
from qmk_local.image_store import image_reference
from qmk_local.logged_command import run_logged

BASE = "debian:bookworm-slim"
BUILD_TIMEOUT_SECONDS = 1800.0
SAVE_TIMEOUT_SECONDS = 600.0
INSPECT_TIMEOUT_SECONDS = 60.0


class Docker:
    """The engine that the `docker` client talks to."""

    def build(
        self,
        recipe: ImageRecipe,
        context: Path,
        log: Path,
        follow: Callable[[str], None],
        fresh: bool,
    ) -> None:
        """Build `localhost/<name>:latest`. Raises `CommandFailed`."""
        run_logged(
            ["docker", "build", f"--tag=localhost/{recipe.name}:latest"]
            + (["--pull", "--no-cache"] if fresh else [])
            + [f"--build-arg={key}={value}" for key, value in recipe.arguments.items()]
            + [f"--file={context / recipe.dockerfile}", str(context)],
            log,
            BUILD_TIMEOUT_SECONDS,
            follow,
        )

    def save(self, name: str, archive: Path, log: Path) -> str:
        """Tag the image by its digest, write it as an archive, return the digest.

        Raises `CommandFailed`.
        """
        latest = f"localhost/{name}:latest"
        digest = run(
            ["docker", "image", "inspect", "--format={{.Id}}", latest],
            timeout_s=INSPECT_TIMEOUT_SECONDS,
        ).strip()
        reference = image_reference(name, digest)
        run(["docker", "tag", latest, reference], timeout_s=INSPECT_TIMEOUT_SECONDS)
        run_logged(["docker", "save", f"--output={archive}", reference], log, SAVE_TIMEOUT_SECONDS)
        return digest
