"""The tasks of scene graph parsing, and how each is evaluated."""

TASKS = ('predcls', 'sgcls', 'sggen')
"""Tasks of a parser: with boxes and classes given, with boxes given,
with nothing given."""

TASK_TITLES = {'predcls': 'PredCls', 'sgcls': 'SGCls', 'sggen': 'SGGen', 'phrdet': 'PhrDet'}
"""The customary spelling, of tasks and of ways to evaluate one."""

METRIC_TASKS = {'predcls': ('predcls',), 'sgcls': ('sgcls',), 'sggen': ('sggen', 'phrdet')}
"""The ways in which the prediction of a task is evaluated, the first of which has
the task's own name."""
