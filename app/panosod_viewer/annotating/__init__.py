"""The window as an annotator: the project at hand, painting tools at work, objects, review, propagation, in and out."""
