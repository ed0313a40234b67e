"""`qmk generate-keymap-h`."""

from milc import cli

from qmk.commands import dump_lines, parse_configurator_json
from qmk.generate import keymap_h
from qmk.path import FileType, normpath


@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument("-q", "--quiet", arg_only=True, action="store_true", help="Only show errors.")
@cli.argument("filename", arg_only=True, type=FileType("r"), help="A keymap in JSON.")
@cli.subcommand("Create a keymap.h from a keymap in JSON.")
def generate_keymap_h(cli):
    """Writes the keymap.h of a JSON keymap."""
    dump_lines(
        cli.args.output, keymap_h(parse_configurator_json(cli.args.filename)), cli.args.quiet
    )
