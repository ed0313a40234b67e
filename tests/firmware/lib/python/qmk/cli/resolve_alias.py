"""`qmk resolve-alias`: the keyboard a name stands for."""

from milc import cli

from qmk.keyboard import keyboard_folder


@cli.argument(
    "--allow-unknown",
    arg_only=True,
    action="store_true",
    help="Return a name the tree does not know as it is.",
)
@cli.argument("keyboard", arg_only=True, help="The keyboard's name")
@cli.subcommand("Resolve the alias of a keyboard.")
def resolve_alias(cli):
    """Prints the name of the keyboard; an unknown one is an error unless it is allowed."""
    try:
        print(keyboard_folder(cli.args.keyboard))
    except ValueError:
        if not cli.args.allow_unknown:
            raise
        print(cli.args.keyboard)
