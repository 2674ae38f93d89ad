# SQUAT with cross-entropy on MiniVG.
_base_ = './motifnet_ce_minivg.py'

model = dict(
    relation_head=dict(
        type='SQUATHead', hidden_size=128, attention_channels=128, feedforward_channels=256
    )
)
