"""A flow as a small picture: boxes and lines for an SVG. Pure."""

from dataclasses import dataclass, field

from journeys.flow.document import Flow, FlowStep
from journeys.steps.registry import step_kinds

BOX, TALL, ACROSS, DOWN = 26, 10, 8, 9  # width and height of a step, space beside and below it


@dataclass(frozen=True)
class Box:
    """One step. group: colours it, as on the canvas."""

    x: float
    y: float
    group: str
    width: int = BOX
    height: int = TALL


@dataclass
class Picture:
    """Everything to draw; lines are SVG paths."""

    width: float = 0
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def draw(flow: Flow) -> Picture:
    """The picture of a flow: the entry on top, paths side by side."""
    picture = Picture(width=_width(flow.steps))
    middle = picture.width / 2
    picture.boxes.append(Box(middle - BOX / 2, 0, "entry"))
    picture.height = _sequence(picture, flow.steps, middle, TALL)
    return picture


def _width(steps: tuple[FlowStep, ...]) -> float:
    return max([BOX, *(_paths_width(step) for step in steps)])


def _paths_width(step: FlowStep) -> float:
    widths = [_width(steps) for steps in step.exits.values()]
    return sum(widths) + ACROSS * (len(widths) - 1) if widths else BOX


def _sequence(picture: Picture, steps: tuple[FlowStep, ...], x: float, y: float) -> float:
    """Draw steps below y; the y of their lower end."""
    for step in steps:
        picture.lines.append(f"M{x:g} {y:g}V{y + DOWN:g}")
        y += DOWN
        group = step_kinds.get(step.kind).group.lower() if step.kind in step_kinds else "unknown"
        picture.boxes.append(Box(x - BOX / 2, y, group))
        y += TALL
        if step.exits:
            y = _paths(picture, step, x, y)
    return y


def _paths(picture: Picture, step: FlowStep, x: float, y: float) -> float:
    left = x - _paths_width(step) / 2
    ends = []
    for steps in step.exits.values():
        width = _width(steps)
        middle = left + width / 2
        picture.lines.append(f"M{x:g} {y:g}v{DOWN / 2:g}H{middle:g}v{DOWN / 2:g}")
        ends.append((middle, _sequence(picture, steps, middle, y + DOWN), _ends(steps)))
        left += width + ACROSS
    low = max(end for _, end, _ in ends) + DOWN / 2
    for middle, end, is_over in ends:
        if not is_over:
            picture.lines.append(f"M{middle:g} {end:g}V{low:g}H{x:g}")
    return low


def _ends(steps: tuple[FlowStep, ...]) -> bool:
    """Whether nobody comes out at the lower end."""
    return bool(steps) and steps[-1].kind in step_kinds and step_kinds.get(steps[-1].kind).ends
