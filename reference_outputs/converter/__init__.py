"""Reads published checkpoints of other formats: TensorFlow's bundles and PyTorch's pickled tensors."""
