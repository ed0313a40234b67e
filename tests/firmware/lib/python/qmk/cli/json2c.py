"""`qmk json2c`: the keymap.c of a JSON keymap."""

from milc import cli

from qmk.commands import dump_lines, parse_configurator_json
from qmk.keymap import generate_c
from qmk.path import FileType, normpath


@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument("-q", "--quiet", arg_only=True, action="store_true", help="Only show errors.")
@cli.argument(
    "filename", arg_only=True, type=FileType("r"), help="A keymap in JSON, or - for standard input."
)
@cli.subcommand("Create a keymap.c from a keymap in JSON.")
def json2c(cli):
    """Writes the keymap.c of a JSON keymap to a file or to standard output."""
    keymap_json = parse_configurator_json(cli.args.filename)
    dump_lines(cli.args.output, generate_c(keymap_json).splitlines(), cli.args.quiet)
