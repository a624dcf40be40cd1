"""A problem of a flow, at the step where it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepMark:
    """A problem and the step that it stands at ("" for the program as a whole).

    Attributes:
        path: place in the document; level: "error" or "warning".
    """

    step_key: str
    path: str
    message: str
    level: str = "error"
    code: str = "invalid"
