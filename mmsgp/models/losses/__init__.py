from .cce_loss import CCELoss, cce_loss
from .significance_loss import (
                                SignificanceBCELoss,
                                SignificanceHingeLoss,
                                SignificanceMSELoss,
)
from .softmax_focal_loss import SoftmaxFocalLoss, softmax_focal_loss

__all__ = [
    'CCELoss', 'SignificanceBCELoss', 'SignificanceHingeLoss',
    'SignificanceMSELoss', 'SoftmaxFocalLoss', 'cce_loss',
    'softmax_focal_loss'
]
