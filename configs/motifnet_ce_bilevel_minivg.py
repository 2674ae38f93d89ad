# Images with rare predicates are repeated, frequent relations in them left out.
_base_ = './motifnet_ce_minivg.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ResampledDataset',
        threshold=0.1,
        drop_rate=0.9,
        dataset=_base_.train_dataloader.dataset,
    )
)
