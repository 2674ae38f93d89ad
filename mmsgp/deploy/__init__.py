"""Parsers for machines without PyTorch; nothing is imported from here that needs it."""

from .onnx_inferencer import OnnxSceneGraphInferencer

__all__ = ['OnnxSceneGraphInferencer']
