from .environment import check_mmcv_ops

__all__ = ['check_mmcv_ops']
