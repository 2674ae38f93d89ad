from .writer import write_vg_sgg

__all__ = ['write_vg_sgg']
