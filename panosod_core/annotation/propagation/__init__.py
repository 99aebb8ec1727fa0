"""Carrying a mask along with the picture, over the seam and through the poles."""
