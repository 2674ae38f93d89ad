import pytest
from mmengine.registry import init_default_scope

from mmsgp.testing import make_vg_data


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmsgp')


@pytest.fixture
def data(tmp_path):
    """A small data set without image files."""
    return make_vg_data(tmp_path, with_images=False)
