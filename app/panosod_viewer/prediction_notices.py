"""What the window says where a model is not at work, or its maps are not at hand, and what can be done."""

from typing import TYPE_CHECKING

from panosod_core.errors import install_extra
from panosod_viewer.panels.notice import Notice, Severity

if TYPE_CHECKING:
    from panosod_viewer.prediction_lane import Failure

RETRY = "prediction.retry:"
USE_CPU = "prediction.cpu:"
READ_AGAIN = "prediction.read:"
"""Beginnings of the ids of the notices' buttons; the number of the lane follows."""
HOW_TO_GET_IT = f"To see what a model sees, {install_extra('model')}"


def failure_notice(number: int, name: str, failure: "Failure") -> Notice:
    """A model is not at work.

    Args:
        number: of the lane.
        name: of the model.
        failure: why.
    """
    actions = [(f"{RETRY}{number}", "Retry")]
    if not failure.was_on_cpu and failure.reason != "cache":  # which no other device would mend
        actions.append((f"{USE_CPU}{number}", "Use the CPU"))
    text = f"No predictions from {name}: {failure.text}"
    return Notice(text, Severity.WARNING, tuple(actions), f"prediction.failed.{number}")


def unreadable_notice(number: int, name: str, text: str) -> Notice:
    """Maps are made, but cannot be read.

    Args:
        number: of the lane.
        name: of the model.
        text: why, one line.
    """
    actions = ((f"{READ_AGAIN}{number}", "Retry"),)
    return Notice(
        f"Maps of {name} cannot be shown: {text}", Severity.WARNING, actions, f"prediction.unreadable.{number}"
    )


def not_started(error: OSError) -> "Failure":
    """There is no process."""
    from panosod_viewer.prediction_lane import Failure

    return Failure("died", f"its process cannot be started ({error})", was_on_cpu=True)
