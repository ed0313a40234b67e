"""`qmk compile`: build a firmware."""

from milc import cli

from qmk.build_targets import JsonKeymapBuildTarget, KeyboardKeymapBuildTarget
from qmk.commands import build_environment
from qmk.keyboard import keyboard_completer, keyboard_folder
from qmk.keymap import locate_keymap
from qmk.path import FileType


@cli.argument(
    "filename",
    nargs="?",
    arg_only=True,
    type=FileType("r"),
    help="A keymap in JSON to compile, or - for standard input.",
)
@cli.argument(
    "-kb",
    "--keyboard",
    type=keyboard_folder,
    completer=keyboard_completer,
    help="The keyboard to build for. Not used with a JSON keymap.",
)
@cli.argument("-km", "--keymap", help="The keymap to build. Not used with a JSON keymap.")
@cli.argument(
    "-n",
    "--dry-run",
    arg_only=True,
    action="store_true",
    help="Show the make command, build nothing.",
)
@cli.argument(
    "-j",
    "--parallel",
    type=int,
    default=1,
    help="How many jobs make may run at once; 0 means no limit.",
)
@cli.argument(
    "-e",
    "--env",
    arg_only=True,
    action="append",
    default=[],
    help="A variable for make, as NAME=VALUE. May be passed several times.",
)
@cli.argument(
    "-c", "--clean", arg_only=True, action="store_true", help="Remove the build folder first."
)
@cli.argument("-t", "--target", type=str, default=None, help="Another target of make than `all`.")
@cli.argument(
    "--compiledb",
    arg_only=True,
    action="store_true",
    help="Write compile_commands.json too. Implies --clean.",
)
@cli.subcommand("Compile a firmware.")
def compile(cli):
    """Builds a JSON keymap, or a keyboard and a keymap of the tree."""
    target = _build_target(cli)
    if target is None:
        return False
    target.configure(cli.config.compile.parallel, cli.args.clean, cli.args.compiledb)
    variables = build_environment(cli.args.env)
    return target.compile(cli.args.target, dry_run=cli.args.dry_run, **variables)


def _build_target(cli):
    if cli.args.filename:
        return JsonKeymapBuildTarget(cli.args.filename)
    keyboard, keymap = cli.config.compile.keyboard, cli.config.compile.keymap
    if not (keyboard and keymap):
        cli.log.error("You must supply a JSON keymap, or both `--keyboard` and `--keymap`.")
        cli.print_help()
        return None
    target = KeyboardKeymapBuildTarget(keyboard, keymap)
    if locate_keymap(target.keyboard, keymap) is None:
        cli.log.error("Invalid keymap argument: %s has no keymap %s.", target.keyboard, keymap)
        return None
    return target
