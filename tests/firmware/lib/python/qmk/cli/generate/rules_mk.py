"""`qmk generate-rules-mk`."""

from milc import cli

from qmk.commands import dump_lines, parse_configurator_json
from qmk.generate import keyboard_rules_mk, keymap_rules_mk
from qmk.info import info_json
from qmk.keyboard import keyboard_completer, keyboard_folder
from qmk.path import FileType, normpath


@cli.argument("filename", nargs="?", arg_only=True, type=FileType("r"), help="A keymap in JSON.")
@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument(
    "-q",
    "--quiet",
    arg_only=True,
    action="store_true",
    help="Only show errors, and the file written.",
)
@cli.argument(
    "-e",
    "--escape",
    arg_only=True,
    action="store_true",
    help="Escape spaces in the file's name for make.",
)
@cli.argument(
    "-kb",
    "--keyboard",
    arg_only=True,
    type=keyboard_folder,
    completer=keyboard_completer,
    help="Keyboard to generate rules.mk for.",
)
@cli.subcommand("Used by the make system to generate rules.mk.", hidden=True)
def generate_rules_mk(cli):
    """Writes the rules.mk of a keymap, or of a keyboard, and names the file for make."""
    if cli.args.filename:
        lines = keymap_rules_mk(parse_configurator_json(cli.args.filename))
    elif cli.args.keyboard:
        lines = keyboard_rules_mk(info_json(cli.args.keyboard))
    else:
        cli.log.error("You must supply a keymap in JSON or `--keyboard`.")
        return False
    output = cli.args.output
    dump_lines(output, lines, cli.args.quiet)
    if output and cli.args.quiet:
        print(output.as_posix().replace(" ", "\\ ") if cli.args.escape else output)
    return True
