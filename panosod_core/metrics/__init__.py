"""What a saliency map is worth against a mask: F, S, E, mean absolute error, J, flat and on the sphere (numpy only)."""
