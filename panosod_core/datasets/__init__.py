"""Data sets as training data: folder layouts, windows of pictures and sound, augmentation, synthetic scenes."""
