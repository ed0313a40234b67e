"""`qmk generate-keycodes`."""

from milc import cli

from qmk.commands import dump_lines
from qmk.generate import keycodes_h
from qmk.keycodes import load_spec
from qmk.path import normpath


@cli.argument("-v", "--version", arg_only=True, required=True, help="Version of the keycodes.")
@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument("-q", "--quiet", arg_only=True, action="store_true", help="Only show errors.")
@cli.subcommand("Used to generate quantum/keycodes.h.", hidden=True)
def generate_keycodes(cli):
    """Writes keycodes.h from the tables in data/constants/keycodes."""
    dump_lines(cli.args.output, keycodes_h(load_spec(cli.args.version)), cli.args.quiet)
