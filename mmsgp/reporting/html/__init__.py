from mmsgp.reporting.html.page import write_report
from mmsgp.reporting.runs import ReportedRun

__all__ = ['ReportedRun', 'write_report']
