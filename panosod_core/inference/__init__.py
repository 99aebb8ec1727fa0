"""The network at work on a clip: streaming windows that encode each frame once. Needs torch."""
