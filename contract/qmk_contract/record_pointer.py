"""What is said of a keyboard's record beside the record: see qmk_contract.keyboard_record."""

from dataclasses import dataclass
from datetime import datetime

SCHEMA = 1
#: The largest record that is made or read, in bytes, packed.
RECORD_BYTES_MAX = 8 << 20


@dataclass(frozen=True)
class RecordPointer:
    """What a record must be: written after it, read before it."""

    digest: str
    keyboard: str
    size: int
    sha256: str
    created: datetime
    schema: int = SCHEMA
