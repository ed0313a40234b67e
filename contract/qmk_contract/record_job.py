"""The CompileJob that has a keyboard recorded: the same one whoever asks for it."""

from qmk_contract.build_key import digest_key
from qmk_contract.compile_job import CompileJobSpec
from qmk_contract.keymap import Keymap
from qmk_contract.phases import JobClass

#: The client of all such jobs.
CLIENT = "records"
#: A whole build that has what is left of the processor.
TIMEOUT_SECONDS = 900
#: While the job is there nobody asks again, though it may have left no record.
TTL_SECONDS_AFTER_FINISHED = 3600


def record_job_name(digest: str, keyboard: str) -> str:
    """Its name: one for each record, so that it is created once however many ask.

    It is no build key: whoever compiles the plain keymap for its own sake has another job.
    """
    return f"record-{digest_key({'recordDigest': digest, 'keyboard': keyboard})}"


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
