"""`qmk clean`: remove what builds have left."""

from milc import cli

from qmk.commands import find_make


@cli.argument(
    "-a", "--all", arg_only=True, action="store_true", help="Remove *.hex in the tree's root too."
)
@cli.subcommand("Clean the firmware tree of build artifacts.")
def clean(cli):
    """Removes the build folder, and with --all the firmware files in the root."""
    target = "distclean" if cli.args.all else "clean"
    return cli.run([find_make(), target], capture_output=False).returncode
