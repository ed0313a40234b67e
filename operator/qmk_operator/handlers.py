"""What kopf calls: each event of a watch goes to the store, and nothing else happens here."""

from typing import Any

import kopf

from qmk_contract.names import GROUP, PLURAL, VERSION
from qmk_operator.store import Kind


@kopf.on.event(GROUP, VERSION, PLURAL)
async def on_compile_job(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A CompileJob changed."""
    memo.runtime.observe(Kind.COMPILE_JOB, event)


@kopf.on.event("batch", "v1", "jobs")
async def on_job(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A Job of ours changed."""
    memo.runtime.observe(Kind.JOB, event)


@kopf.on.event("v1", "pods")
async def on_pod(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A pod of one of our Jobs changed."""
    memo.runtime.observe(Kind.POD, event)
