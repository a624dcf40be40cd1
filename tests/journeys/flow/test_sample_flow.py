"""The large flow that the editor is measured and looked at with."""

import pytest

from journeys.flow.checks import check_flow, errors
from journeys.flow.document import walk
from journeys.flow.parse import parse_flow
from journeys.sample_flow import sample_flow
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("steps", "depth"), [(1, 5), (4, 5), (40, 5), (120, 8)])
def test_it_has_the_size_that_was_asked_for_and_can_be_published(steps, depth):
    flow = parse_flow(sample_flow(steps, depth, template=make.mail_template().pk))
    places = list(walk(flow))
    assert len(places) == steps
    if steps >= 40:
        assert max(place.path.count("/exits/") for place in places) == depth
    assert errors(check_flow(flow, subject="person", program_id=0)) == []
