"""The five images: which Dockerfile makes each, and from which files."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qmk_local.errors import LocalError

TOOLCHAINS = frozenset({"avr", "arm"})
PYTHON_INPUTS = ("constraints.txt", "pyproject.toml", "LICENSE", "contract/qmk_contract")


@dataclass(frozen=True)
class ImageRecipe:
    """All that decides what is in an image, but for the base image and what registries serve.

    `inputs` are the files and folders that the Dockerfile copies, relative to the clone; a build
    sees these and no others.
    """

    name: str
    dockerfile: str
    inputs: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)


def toolchain_words(text: str) -> tuple[str, ...]:
    """The toolchains of `TOOLCHAINS="avr arm"`, sorted.

    Raises `LocalError` for a word that is none, and for no word at all.
    """
    words = tuple(sorted(set(text.split())))
    unknown = [word for word in words if word not in TOOLCHAINS]
    if unknown or not words:
        raise LocalError(
            f'TOOLCHAINS="{text}" is not known: use TOOLCHAINS=avr, TOOLCHAINS=arm '
            'or TOOLCHAINS="avr arm".'
        )
    return words


def image_recipes(toolchains: str) -> tuple[ImageRecipe, ...]:
    """All images, the longest build first."""
    return (
        ImageRecipe(
            "qmk-operator",
            "operator/Dockerfile",
            (*PYTHON_INPUTS, "operator/qmk_operator", "tasks/qmk_tasks"),
        ),
        ImageRecipe("qmk-api", "api/Dockerfile", (*PYTHON_INPUTS, "api/qmk_api")),
        ImageRecipe(
            "qmk-toolchain",
            "compiler-image/Dockerfile",
            (
                "constraints.txt",
                "compiler-image/requirements.txt",
                "contract/qmk_contract",
                "compiler-image/qmk_runner",
                "tasks/qmk_tasks",
            ),
            {"TOOLCHAINS": " ".join(toolchain_words(toolchains))},
        ),
        ImageRecipe("qmk-seaweedfs", "local/images/seaweedfs/Dockerfile"),
        ImageRecipe("qmk-redis", "local/images/redis/Dockerfile"),
    )
