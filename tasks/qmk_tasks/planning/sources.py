"""Where channels' trees come from: git repositories, asked for the commit of a ref."""

import re

from qmk_contract.artifacts import COMMIT_PATTERN
from qmk_contract.channels import ChannelSource
from qmk_tasks.checkout.checkout import check_url
from qmk_tasks.checkout.git import Git
from qmk_tasks.errors import TaskError
from qmk_tasks.planning.planning import Found
from qmk_tasks.settings import GitSettings


def find(source: ChannelSource, settings: GitSettings) -> Found:
    """The commit that a channel's repository has under its ref: a branch, a tag, or a commit.

    Raises:
        TaskError: the repository cannot be read, or has no such ref.
    """
    transports = check_url(source.name, source.url)
    if re.fullmatch(COMMIT_PATTERN, source.ref):
        return Found(source.ref)
    refs = Git(settings, transports).refs(source.url, source.ref)
    for name in (source.ref, f"refs/heads/{source.ref}", f"refs/tags/{source.ref}"):
        # Of a tag with a message, the commit that it is of.
        commit = refs.get(f"{name}^{{}}") or refs.get(name)
        if commit is not None and re.fullmatch(COMMIT_PATTERN, commit):
            return Found(commit, name)
    raise TaskError(f"{source.url} has no branch and no tag {source.ref}")
