"""Whether a firmware fits, as QMK's make for AVR checks it (platforms/avr/platform.mk)."""

from dataclasses import dataclass

#: Below this many free bytes QMK says that the limit is near.
_MARGIN_BYTES = 1024


@dataclass(frozen=True)
class Size:
    """Bytes of flash."""

    used: int
    limit: int

    @property
    def fits(self) -> bool:
        return self.used <= self.limit

    @property
    def sentence(self) -> str:
        """In QMK's form, which front ends and our own reading of logs know."""
        if not self.fits:
            over = self.used - self.limit
            return f"The firmware is too large! {self.used}/{self.limit} ({over} bytes over)"
        free = self.limit - self.used
        what = "size is fine" if free >= _MARGIN_BYTES else "size is approaching the maximum"
        share = self.used * 100 // self.limit
        return f"The firmware {what} - {self.used}/{self.limit} ({share}%, {free} bytes free)"


def data_bytes(text: bytes) -> int:
    """How many bytes an Intel HEX file holds: the data records' (type 00) lengths.

    Raises:
        ValueError: it is none.
    """
    total = 0
    for line in text.split():
        if not line.startswith(b":"):
            raise ValueError("not an Intel HEX file")
        if line[7:9] == b"00":
            total += int(line[1:3], 16)
    return total
