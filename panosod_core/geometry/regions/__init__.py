"""Regions on the sphere as pixels of an equirectangular picture: caps, strokes, polygons, parts, growing, turning."""
