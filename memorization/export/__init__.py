"""Trained networks for other programs and machines: packed, C, ONNX."""
