"""What docs/http-api.md needs of curl, so that its examples run where there is none."""

import argparse
import email.message
import shlex
from pathlib import Path

import httpx

_FORM = "application/x-www-form-urlencoded"


def curl(command: str, folder: Path) -> str:
    """Run a command line of curl's in a folder; returns what it prints.

    Raises:
        SystemExit: it has an option that no example has needed yet.
    """
    options = _parser().parse_args(shlex.split(command)[1:])
    assert options.continue_at in (None, "-")
    headers = {"Content-Type": _FORM} if options.data else {}
    if options.compressed:
        headers["Accept-Encoding"] = "gzip"
    method = "POST" if options.data else "GET"
    reply = httpx.request(method, options.url, content=options.data, headers=headers, timeout=30)
    output = _file_name(reply) if options.remote_name else options.output
    if output not in (None, "/dev/null"):
        reply.raise_for_status()
        (folder / output).write_bytes(reply.content)
    return ("" if output else reply.text) + _written_out(options.write_out, reply)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="curl", add_help=False, allow_abbrev=False)
    for flag in ("-s", "-N", "-J", "--compressed"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("-O", dest="remote_name", action="store_true")
    parser.add_argument("-o", dest="output")
    parser.add_argument("-w", dest="write_out", default="")
    parser.add_argument("-C", dest="continue_at")
    parser.add_argument("--data")
    parser.add_argument("url")
    return parser


def _written_out(form: str, reply: httpx.Response) -> str:
    told = {"http_code": reply.status_code, "size_download": reply.num_bytes_downloaded}
    for name, value in told.items():
        form = form.replace(f"%{{{name}}}", str(value))
    return form.replace("\\n", "\n")


def _file_name(reply: httpx.Response) -> str:
    message = email.message.Message()
    message["Content-Disposition"] = reply.headers["Content-Disposition"]
    name = message.get_filename()
    assert name is not None
    assert "/" not in name
    return name
