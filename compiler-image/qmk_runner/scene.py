"""What every part of one build works with."""

from dataclasses import dataclass

from qmk_contract.work_order import BuildOrder
from qmk_runner.build_log import BuildLog
from qmk_runner.log_text import Clean
from qmk_runner.settings import Settings
from qmk_runner.stopwatch import Stopwatch
from qmk_runner.workspace import Workspace


@dataclass(frozen=True)
class Scene:
    """The order, where it is followed, and where it is told what happens."""

    order: BuildOrder
    settings: Settings
    workspace: Workspace
    log: BuildLog
    clean: Clean
    watch: Stopwatch
