"""The source of a build: an archive of the real one's size, with the keymap put in on the way."""

import io
import random
import zipfile
from collections.abc import Iterator

from qmk_contract import artifacts
from tests.bench.figures import mebibytes, row
from tests.bench.load_generator import LoadGenerator
from tests.bench.memory import watched
from tests.bench.readers import read_in_turn, read_slowly
from tests.integration.api_process import ApiSystem, request_body
from tests.integration.s3_server import BUCKET

FILES = 2000
FILE_BYTES = 50 << 10
READS = 20
READERS = 10
READER_BYTES_PER_SECOND = 8 << 20


def figures(system: ApiSystem, load: LoadGenerator) -> Iterator[str]:
    system.s3.put_object(Bucket=BUCKET, Key=artifacts.source(system.commit), Body=_archive())
    http, api = system.clients[0], system.apis[0]
    posted = http.post("/v1/compile", json=request_body("KC_S"))
    url = f"{api.url}/v1/compile/{posted.raise_for_status().json()['job_id']}/source"
    with watched(api.memory_bytes) as alone:
        reads = read_in_turn(url, {}, READS)
    size = reads[0].size
    first_bytes = [each.first_byte for each in reads]
    yield row("source.zip with keymap: first byte", first_bytes, mebibytes(size))
    with watched(api.memory_bytes) as peak:
        slow = read_slowly(url, {}, READERS, READER_BYTES_PER_SECOND)
    assert {each.size for each in slow} == {size}
    yield row(f"  {READERS} readers at once: first byte", [each.first_byte for each in slow])
    yield (
        f"  memory of the process: {mebibytes(alone.before)} before, {mebibytes(alone.extra)} "
        f"more with one reader, {mebibytes(peak.extra)} more with {READERS}"
    )


def _archive() -> bytes:
    """A hundred MiB in two thousand files; nothing of it can be compressed."""
    draw = random.Random(0)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(FILES):
            archive.writestr(f"qmk_firmware/file{number}.c", draw.randbytes(FILE_BYTES))
    return packed.getvalue()
