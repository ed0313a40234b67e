"""Hypothesis strategies for what clients send and what CompileJobs hold."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from qmk_contract.compile_job import (
    Attempts,
    CompileJobSpec,
    CompileJobStatus,
    Condition,
    FirmwareStatus,
    Timestamps,
)
from qmk_contract.phases import ConditionType, JobClass, Phase, Reason
from qmk_contract.result import Artifact, BuildResult, Diagnostic, Firmware, Memory, Usage

keycodes = st.sampled_from(
    ["KC_A", "KC_NO", "KC_TRNS", "MO(1)", "LT(2, KC_SPC)", "MT(MOD_LCTL | MOD_LSFT, KC_ESC)"]
)
layer_rows = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.one_of(
            st.none(), st.lists(st.one_of(st.none(), keycodes), min_size=width, max_size=width)
        ),
        min_size=1,
        max_size=8,
    ).filter(lambda rows: any(row is not None for row in rows))
)
layouts = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
keymaps = st.builds(
    lambda layout, layers: {"layout": layout, "layers": layers}, layouts, layer_rows
)
keyboards = st.from_regex(r"[a-z0-9_-]{1,10}(/[a-z0-9_-]{1,10}){0,3}", fullmatch=True)
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", fullmatch=True)
commits = st.text("0123456789abcdef", min_size=40, max_size=40)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
moments = st.integers(0, 10**9).map(
    lambda ms: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
texts = st.text(string.printable, max_size=40)

specs = st.builds(
    CompileJobSpec,
    keyboard=keyboards,
    keymap=keymaps,
    keymap_name=names,
    firmware_commit=st.one_of(st.none(), commits),
    job_class=st.sampled_from(JobClass),
    timeout_seconds=st.integers(1, 3600),
    cancel=st.booleans(),
    rerun=st.integers(0, 999),
)
usages = st.builds(
    Usage,
    flash=st.one_of(st.none(), st.builds(Memory, used=st.integers(0, 10**6))),
    ram=st.one_of(st.none(), st.builds(Memory, used=st.integers(0, 10**6), limit=st.just(2560))),
)
diagnostics = st.builds(
    Diagnostic,
    severity=st.sampled_from(["error", "warning"]),
    message=texts,
    line=st.one_of(st.none(), st.integers(1, 10**4)),
    layer=st.one_of(st.none(), st.integers(0, 31)),
)
conditions = st.builds(
    Condition,
    type=st.sampled_from(ConditionType),
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=st.sampled_from(Reason).map(str),
    message=texts,
    last_transition_time=moments,
)
statuses = st.builds(
    CompileJobStatus,
    phase=st.sampled_from(Phase),
    reason=st.one_of(st.none(), st.sampled_from(Reason)),
    message=st.one_of(st.none(), texts),
    conditions=st.lists(conditions, max_size=3).map(tuple),
    rerun=st.integers(0, 9),
    attempts=st.builds(Attempts, build=st.integers(0, 5), infra=st.integers(0, 5)),
    timestamps=st.builds(Timestamps, queued=st.one_of(st.none(), moments)),
    firmware=st.one_of(
        st.none(),
        st.builds(FirmwareStatus, file_name=names, size=st.integers(0, 10**6), sha256=digests),
    ),
    usage=st.one_of(st.none(), usages),
    diagnostics=st.lists(diagnostics, max_size=3).map(tuple),
    cached=st.one_of(st.none(), st.booleans()),
)
results = st.builds(
    BuildResult,
    key=st.from_regex(r"[a-z2-7]{26}", fullmatch=True),
    keyboard=keyboards,
    firmware_commit=commits,
    toolchain_digest=digests.map(lambda digest: f"sha256:{digest}"),
    reason=st.sampled_from(Reason),
    message=texts,
    returncode=st.integers(-9, 255),
    command=st.lists(texts, max_size=4).map(tuple),
    started=moments,
    finished=moments,
    log=st.builds(Artifact, size=st.integers(0, 10**6), sha256=digests),
    firmware=st.one_of(
        st.none(),
        st.builds(
            Firmware,
            extension=st.sampled_from(["hex", "bin", "uf2"]),
            size=st.integers(1, 10**6),
            sha256=digests,
        ),
    ),
    usage=st.one_of(st.none(), usages),
    times=st.dictionaries(st.sampled_from(["fetch", "compile"]), st.integers(0, 10**6)),
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=20,
)
