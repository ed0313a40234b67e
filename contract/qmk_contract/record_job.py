"""The CompileJob that has a keyboard recorded: the same one whoever asks for it."""

from qmk_contract.build_key import digest_key
from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJobSpec
from qmk_contract.keymap import Keymap
from qmk_contract.phases import JobClass
from qmk_contract.record_pointer import RecordPointer

#: The client of all such jobs.
CLIENT = "records"
#: A whole build that has what is left of the processor.
TIMEOUT_SECONDS = 900
#: While the job is there nobody asks again, though it may have left no record.
TTL_SECONDS_AFTER_FINISHED = 3600
_PREFIX = "record-"


def record_job_name(digest: str, keyboard: str, refused: RecordPointer | None = None) -> str:
    """Its name: one for each record, so that it is created once however many ask.

    ``refused`` is the record that could not be used and is to be replaced: the job that left it
    may still be there. The name is no build key: whoever compiles the plain keymap for its own
    sake has another job.
    """
    parts = {"recordDigest": digest, "keyboard": keyboard}
    if refused is not None:
        parts |= {"sha256": refused.sha256, "created": to_body(refused)["created"]}
    return f"{_PREFIX}{digest_key(parts)}"


def is_record_job(name: str) -> bool:
    """Whether a CompileJob has a name of `record_job_name`'s."""
    return name.startswith(_PREFIX)


def record_job_spec(
    keyboard: str, plain: Keymap, *, firmware_commit: str, channel: str
) -> CompileJobSpec:
    """Its spec; ``plain`` is `keyboard_record.plain_keymap`'s."""
    return CompileJobSpec(
        keyboard=keyboard,
        keymap=plain.to_body(),
        channel=channel,
        firmware_commit=firmware_commit,
        job_class=JobClass.TEST,
        client=CLIENT,
        timeout_seconds=TIMEOUT_SECONDS,
        ttl_seconds_after_finished=TTL_SECONDS_AFTER_FINISHED,
    )
