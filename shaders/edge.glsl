// Soft edges from signed distances in any unit.

// Screen-space slope of a distance: how much it changes over one pixel.
float slope_of(float d) {
    return max(length(vec2(dFdx(d), dFdy(d))), 1e-9);
}

// 1 inside (positive distance), 0 outside, soft over one pixel.
float edge_coverage(float d) {
    return clamp(d / slope_of(d) + 0.5, 0.0, 1.0);
}
