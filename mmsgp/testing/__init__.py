from .vg_data import VGData, make_vg_data

__all__ = ['VGData', 'make_vg_data']
