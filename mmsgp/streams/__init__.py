from .frames import Frame, LatestFrames, VideoFrames
from .smoothing import RelationFilter, ShownRelation, relation_probabilities
from .stream import GraphTracker, StreamSettings, parse_stream
from .timeline import Interval, Timeline, plot_timeline, save_timeline
from .tracking import UNTRACKED, ObjectTracker
from .writing import StreamWriter, open_video

__all__ = [
    'UNTRACKED',
    'Frame',
    'GraphTracker',
    'Interval',
    'LatestFrames',
    'ObjectTracker',
    'RelationFilter',
    'ShownRelation',
    'StreamSettings',
    'StreamWriter',
    'Timeline',
    'VideoFrames',
    'open_video',
    'parse_stream',
    'plot_timeline',
    'relation_probabilities',
    'save_timeline',
]
