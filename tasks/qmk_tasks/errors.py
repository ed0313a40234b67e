"""What a task says when it cannot go on."""


class TaskError(Exception):
    """A failure with one sentence for the log: what, why."""
