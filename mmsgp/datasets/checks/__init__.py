from .findings import Finding, Report
from .run import check_config

__all__ = ['Finding', 'Report', 'check_config']
