# Weight and learning rate were chosen on the validation images; the authors'
# code has a weight of 100. At the rate of cross-entropy, 1e-3, the Scorer's
# attention may settle on one relation of an image, and then all scores tie.
# The layers that label objects have no part in that and keep 1e-3.
_base_ = './linknet_ce_vrd.py'

model = dict(relation_head=dict(loss_relation=dict(_delete_=True, type='CCELoss', loss_weight=0.3)))
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(
        custom_keys={
            'relation_head.object_': dict(lr_mult=2.0),
            'relation_head.fc_head.classifier': dict(lr_mult=0.2),
        }
    ),
)
