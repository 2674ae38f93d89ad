"""An mmcv that cannot run MMSGP is reported before training starts."""

from __future__ import annotations

import sys

import pytest
import torch

from mmsgp.utils import check_mmcv_ops


def test_the_installed_mmcv_has_its_operators():
    check_mmcv_ops()


def test_missing_operators_are_reported_with_the_recipe(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmcv._ext', None)
    with pytest.raises(RuntimeError) as error:
        check_mmcv_ops()
    message = str(error.value)
    assert 'mmcv._ext' in message
    assert torch.__version__ in message
    assert 'make rebuild-mmcv' in message
    assert f'{sys.executable} -m pip cache remove onedl_mmcv' in message


def test_operators_without_cuda_are_reported_if_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda: 'not available')
    with pytest.raises(RuntimeError, match='CUDA_VISIBLE_DEVICES='):
        check_mmcv_ops()
