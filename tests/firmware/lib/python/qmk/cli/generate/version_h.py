"""`qmk generate-version-h`."""

from milc import cli

from qmk.commands import dump_lines
from qmk.generate import version_h
from qmk.path import normpath


@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument("-q", "--quiet", arg_only=True, action="store_true", help="Only show errors.")
@cli.argument(
    "--skip-git", arg_only=True, action="store_true", help="Do not ask git for the commit."
)
@cli.argument("--skip-all", arg_only=True, action="store_true", help="Leave out the time too.")
@cli.subcommand("Used by the make system to generate version.h.", hidden=True)
def generate_version_h(cli):
    """Writes version.h."""
    lines = version_h(cli.args.skip_git, cli.args.skip_all)
    dump_lines(cli.args.output, lines, cli.args.quiet)
