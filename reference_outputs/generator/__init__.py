"""Drives the transformers library and writes what it computes as cases (see reference_outputs/README.md)."""
