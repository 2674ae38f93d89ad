"""Arguments that heads write out again have the defaults of their base and encoder."""

from inspect import Parameter, signature

import pytest

from mmsgp.models import (
    FrequencyHead,
    KERNHead,
    LinkNetContext,
    LinkNetHead,
    MotifContext,
    MotifNetHead,
    RelationHead,
    RoleProductHead,
)


def defaults(cls):
    parameters = signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not Parameter.empty}


@pytest.mark.parametrize(
    'head, base, own',
    [
        (RoleProductHead, RelationHead, set()),
        (MotifNetHead, RoleProductHead, set()),
        (LinkNetHead, RoleProductHead, set()),
        (KERNHead, RelationHead, {'frequency_prior'}),
        (FrequencyHead, RelationHead, set()),
        (MotifNetHead, MotifContext, set()),
        (LinkNetHead, LinkNetContext, set()),
    ],
)
def test_defaults_are_those_of_the_base(head, base, own):
    heads, bases = defaults(head), defaults(base)
    shared = heads.keys() & bases.keys()
    assert shared
    assert {name for name in shared if heads[name] != bases[name]} == own


@pytest.mark.parametrize('head', [RoleProductHead, MotifNetHead, LinkNetHead, KERNHead])
def test_no_argument_of_every_head_is_left_out(head):
    """FrequencyHead pools no regions and has its prior as the feature."""
    decided = {'relation_channels', 'image_channels', 'context_channels'}
    written = signature(head.__init__).parameters.keys()
    assert signature(RelationHead.__init__).parameters.keys() - decided <= written
