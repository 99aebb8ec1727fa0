"""Masks on the sphere that people make and mend: the project file, edits, propagation, import and export."""
