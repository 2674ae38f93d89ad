from .page import write_report
from .runs import ReportedRun

__all__ = ['ReportedRun', 'write_report']
