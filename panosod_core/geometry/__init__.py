"""The sphere: conventions, rotations, projections."""
