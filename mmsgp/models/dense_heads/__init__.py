from .relu6_rpn_head import ReLU6RPNHead

__all__ = ['ReLU6RPNHead']
