"""Records of keyboards: which pointer counts, how often it is read, who may leave one."""

import json
from collections.abc import Container
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJobSpec
from qmk_contract.keyboard_record import plain_keymap
from qmk_contract.keyboards import Keyboard
from qmk_contract.keymap import Keymap, normalise_keymap
from qmk_contract.phases import JobClass
from qmk_contract.record_job import is_record_job
from qmk_contract.record_pointer import RECORD_BYTES_MAX, RecordPointer
from qmk_operator.metrics import Metrics
from qmk_operator.records import Fault, Records, judge
from qmk_operator.request import may_record, resolve
from qmk_operator.storage import StorageUnavailableError
from tests.unit.operator_bodies import FakeCatalogue, FakeStorage
from tests.unit.operator_objects import (
    COMMIT,
    DIGEST,
    KEYBOARD,
    KEYMAP,
    NOW,
    POINTER,
    RECORD,
    ago,
    compile_job,
)

BOARD = Keyboard(KEYBOARD, "avr", {"LAYOUT": 3, "LAYOUT_b": 4}, {"ALIAS": "LAYOUT"})
NO_KEYS = ["KC_NO"] * 3


def written(**changes: Any) -> bytes:
    return json.dumps(to_body(replace(POINTER, **changes))).encode()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", Fault.UNREADABLE),
        (b"[]", Fault.UNREADABLE),
        (b"[" * 3000, Fault.UNREADABLE),
        (b"\xff\xfe", Fault.UNREADABLE),
        (written()[:-3], Fault.UNREADABLE),
        (written(sha256="g" * 64), Fault.UNREADABLE),
        (written(sha256="0" * 63), Fault.UNREADABLE),
        (b'{"digest":"a","keyboard":"b","size":"9"}', Fault.UNREADABLE),
        (written(digest="0" * 64), Fault.FOREIGN),
        (written(keyboard="demo/other"), Fault.FOREIGN),
        (written(schema=2), Fault.FOREIGN),
        (written(size=0), Fault.SIZE),
        (written(size=-1), Fault.SIZE),
        (written(size=RECORD_BYTES_MAX + 1), Fault.SIZE),
    ],
)
async def test_a_pointer_that_is_not_that_of_the_record_is_none(data: bytes, fault: Fault) -> None:
    assert judge(data, RECORD) is fault
    metrics = Metrics()
    records = Records(
        FakeStorage(objects={RECORD.pointer_key: data}), lambda _name: False, metrics, lambda: 0.0
    )
    assert await records.find(RECORD) is None
    labels = {"fault": fault.value}
    counted = metrics.registry.get_sample_value("qmk_record_pointers_rejected_total", labels)
    assert counted == 1


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_another_pointer(data: bytes) -> None:
    assert isinstance(judge(data, RECORD), Fault)


def records_of(storage: FakeStorage, times: list[float], jobs: Container[str] = ()) -> Records:
    return Records(storage, lambda name: name in jobs, Metrics(), lambda: times[0])


async def test_a_good_pointer_is_read_once() -> None:
    storage = FakeStorage(objects={RECORD.pointer_key: written()})
    records = records_of(storage, [0.0])
    assert [await records.find(RECORD) for _ in range(3)] == [POINTER] * 3
    assert storage.reads == [RECORD.pointer_key]
    storage.objects.clear()
    assert await records.find(RECORD) == POINTER


async def test_that_there_is_none_is_remembered_for_a_moment_only() -> None:
    storage, times = FakeStorage(), [10.0]
    records = records_of(storage, times)
    assert [await records.find(RECORD) for _ in range(3)] == [None] * 3
    assert len(storage.reads) == 1
    storage.objects[RECORD.pointer_key] = written()
    times[0] += 5
    assert await records.find(RECORD) == POINTER


async def test_storage_that_is_away_says_nothing_about_a_record() -> None:
    storage = FakeStorage(down=True)
    records = records_of(storage, [0.0])
    with pytest.raises(StorageUnavailableError):
        await records.find(RECORD)
    storage.down = False
    storage.objects[RECORD.pointer_key] = written()
    assert await records.find(RECORD) == POINTER


async def test_a_record_that_is_refused_is_given_to_nobody_until_there_is_another() -> None:
    storage, times = FakeStorage(objects={RECORD.pointer_key: written()}), [0.0]
    records = records_of(storage, times)
    assert await records.find(RECORD) == POINTER
    assert await records.refuse(RECORD, used=NOW)
    assert await records.find(RECORD) is None
    times[0] += 5
    assert await records.find(RECORD) is None
    newer = replace(POINTER, created=NOW)
    storage.objects[RECORD.pointer_key] = written(created=NOW)
    times[0] += 5
    assert await records.find(RECORD) == newer
    assert not await records.refuse(RECORD, used=ago(1)), "it is younger than that build"
    assert await records.find(RECORD) == newer


async def test_each_refusal_has_a_job_of_its_own_that_replaces_the_record() -> None:
    storage = FakeStorage(objects={RECORD.pointer_key: written()})
    records = records_of(storage, [0.0])
    names = [records.replacement(RECORD)]
    for created in (POINTER.created, ago(10)):
        storage.objects[RECORD.pointer_key] = written(created=created)
        assert await records.refuse(RECORD, used=NOW)
        names.append(records.replacement(RECORD))
    assert len(set(names)) == 3
    assert all(is_record_job(name) for name in names)


async def test_a_refusal_outlasts_the_operator_while_the_record_is_made_anew() -> None:
    storage, times, jobs = FakeStorage(objects={RECORD.pointer_key: written()}), [0.0], set[str]()
    await (before := records_of(storage, times)).refuse(RECORD, used=NOW)
    jobs.add(before.replacement(RECORD))
    after = records_of(storage, times, jobs)
    assert await after.find(RECORD) is None
    assert after.replacement(RECORD) == before.replacement(RECORD)
    storage.objects[RECORD.pointer_key] = written(created=NOW)
    times[0] += 5
    assert await after.find(RECORD) == replace(POINTER, created=NOW)


@pytest.mark.parametrize("job_class", JobClass)
@pytest.mark.parametrize(
    ("keymap", "plain"),
    [
        ({"layout": "LAYOUT", "layers": [NO_KEYS]}, True),
        ({"layout": "ALIAS", "layers": [NO_KEYS]}, True),
        ({"layout": "LAYOUT", "layers": [[None] * 3], "notes": "n"}, True),
        ({"layout": "LAYOUT", "layers": [NO_KEYS], "config": {}}, False),
        ({"layout": "LAYOUT", "layers": [NO_KEYS, NO_KEYS]}, False),
        ({"layout": "LAYOUT", "layers": [None]}, False),
        ({"layout": "LAYOUT_b", "layers": [["KC_NO"] * 4]}, False),
        ({"layout": "LAYOUT", "layers": [["KC_A", "KC_NO", "KC_NO"]]}, False),
        ({"layout": "LAYOUT", "layers": [NO_KEYS], "macros": [["x"]]}, False),
    ],
)
def test_only_a_test_of_the_plain_keymap_may_leave_a_record(
    job_class: JobClass, keymap: dict[str, Any], plain: bool
) -> None:
    try:
        checked = BOARD.check(normalise_keymap(keymap))
    except ValueError:
        assert not plain
        return
    assert may_record(job_class, BOARD, checked) is (plain and job_class is JobClass.TEST)


@given(
    st.sampled_from(JobClass),
    st.lists(st.lists(st.sampled_from(["KC_NO", "KC_TRNS", "KC_A"]), min_size=3, max_size=3),
             min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["config", "macros"]), st.just({})),
)  # fmt: skip
def test_no_word_of_a_user_is_in_what_may_leave_a_record(
    job_class: JobClass, layers: list[list[str]], fields: dict[str, Any]
) -> None:
    keymap = Keymap("LAYOUT", tuple(map(tuple, layers)), fields)
    if may_record(job_class, BOARD, keymap):
        assert job_class is JobClass.TEST
        assert keymap == Keymap("LAYOUT", (("KC_NO",) * 3,)) == plain_keymap(BOARD)


async def resolved(catalogue: FakeCatalogue, **spec: Any) -> Any:
    return await resolve(compile_job(**spec).spec, None, catalogue, DIGEST)


async def test_equal_layers_share_a_record_whoever_asks() -> None:
    catalogue = FakeCatalogue(generator=True)
    first = await resolved(catalogue)
    assert first.record == RECORD
    assert not first.may_record
    other = await resolved(catalogue, keymap={"layout": "LAYOUT", "layers": [["KC_1"] * 3]})
    assert (other.key != first.key, other.record) == (True, first.record)


async def test_a_test_of_the_plain_keymap_is_told_to_leave_a_record() -> None:
    catalogue = FakeCatalogue(generator=True)
    plain = RECORD.plain.to_body()
    assert (await resolved(catalogue, keymap=plain, job_class=JobClass.TEST)).may_record
    for job_class in (JobClass.INTERACTIVE, JobClass.CI):
        assert not (await resolved(catalogue, keymap=plain, job_class=job_class)).may_record


@pytest.mark.parametrize(
    ("catalogue", "keymap"),
    [
        (FakeCatalogue(), KEYMAP),
        (FakeCatalogue(generator=True), {**KEYMAP, "converter": "promicro_to_rp2040"}),
    ],
    ids=["no generator is published", "a converter changes the board"],
)
async def test_no_record_serves_what_it_was_not_made_for(
    catalogue: FakeCatalogue, keymap: dict[str, Any]
) -> None:
    spec = CompileJobSpec(KEYBOARD, keymap, firmware_commit=COMMIT, job_class=JobClass.TEST)
    request = await resolve(spec, None, catalogue, DIGEST)
    assert (request.record, request.may_record) == (None, False)


def test_records_have_keys_of_their_own() -> None:
    assert RECORD.object_key == f"cache/{RECORD.digest}/{KEYBOARD}.tar.zst"
    assert RECORD.pointer_key == f"cache/{RECORD.digest}/{KEYBOARD}.json"
    assert isinstance(POINTER, RecordPointer)
