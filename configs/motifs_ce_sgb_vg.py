# Motifs with cross-entropy in the frame of Scene-Graph-Benchmark, on VG150: with the LSTMs
# of that code, to which its checkpoints are converted.
_base_ = '_base_/sgb_parser.py'

model = dict(
    relation_head=dict(
        type='GatedPairHead',
        hidden_size=512,
        context=dict(type='SGBMotifContext', norm_momentum=0.001),
    )
)
