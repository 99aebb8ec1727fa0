// From a point of the viewport to the place in the picture. Repeats panosod_core/geometry/projection.py; a parity
// test holds the two together.

const float PI = 3.14159265358979;

// The chosen eye's picture on the full sphere's map: left, top, width, height as fractions.
uniform vec4 u_bounds;

struct Place {
    vec2 eye_uv;        // within the eye's picture, origin top left
    float coverage;     // 1 where there is picture
    vec3 direction;     // in the picture's frame; not normalised; unset in flat pictures
    vec2 sphere_uv;     // on the full sphere's map; u may lie a turn off; unset in flat pictures
    float on_sphere;    // 0 beyond the poles of the flat map
};

#if defined(RAY_FLAT)

uniform vec4 u_flat;            // centre u, v of the viewport; widths and heights of the picture it spans

Place place_of(vec2 at) {
    vec2 uv = u_flat.xy + (at - 0.5) * u_flat.zw;
    vec2 inside = 0.5 - abs(uv - 0.5);
    return Place(uv, edge_coverage(inside.x) * edge_coverage(inside.y), vec3(1.0, 0.0, 0.0), vec2(0.0), 0.0);
}

#else

uniform mat3 u_R_picture_view;  // view vectors to picture vectors
uniform vec2 u_edge;            // radius at the middle of the right and of the top edge (equirect: half ranges, rad)
uniform float u_k;              // of r(t) = tan(k t) / k
uniform vec2 u_centre;          // equirect only: azimuth and elevation in the middle, rad

// Full-sphere map coordinates to the eye's, wrapped to the nearest edge; coverage of what the picture leaves out.
Place placed(float u, float v, float map_coverage, vec3 direction) {
#ifdef WHOLE
    return Place(vec2(u, v), map_coverage, direction, vec2(u, v), map_coverage);
#else
    float from_centre = u - (u_bounds.x + 0.5 * u_bounds.z);
    from_centre -= floor(from_centre + 0.5);
    float coverage = map_coverage;
#ifdef PARTIAL
    if (u_bounds.z < 1.0) coverage *= edge_coverage(0.5 * u_bounds.z - abs(from_centre));
    if (u_bounds.y > 0.0) coverage *= edge_coverage(v - u_bounds.y);
    if (u_bounds.y + u_bounds.w < 1.0) coverage *= edge_coverage(u_bounds.y + u_bounds.w - v);
#endif
    return Place(vec2(0.5 + from_centre / u_bounds.z, (v - u_bounds.y) / u_bounds.w), coverage, direction,
                 vec2(u, v), map_coverage);
#endif
}

Place placed_direction(vec3 d, float map_coverage) {
    // Latitude by atan: asin is off by a quarter of a source pixel near the poles in single precision.
    float azimuth = atan(d.y, d.x);
    float elevation = atan(d.z, length(d.xy));
    return placed(0.5 - azimuth / (2.0 * PI), 0.5 - elevation / PI, map_coverage, d);
}

#if defined(RAY_EQUIRECT) || defined(RAY_EQUIRECT_LEVEL)

Place place_of(vec2 at) {
    vec2 angles = u_centre + (0.5 - at) * 2.0 * u_edge;
#ifdef PARTIAL
    float map_coverage = edge_coverage(0.5 * PI - abs(angles.y));
#else
    const float map_coverage = 1.0;
#endif
    angles.y = clamp(angles.y, -0.5 * PI, 0.5 * PI);
#if defined(RAY_EQUIRECT) || defined(OUTLINE)
    vec3 d = vec3(cos(angles.y) * cos(angles.x), cos(angles.y) * sin(angles.x), sin(angles.y));
#else
    vec3 d = vec3(1.0, 0.0, 0.0);
#endif
#if defined(RAY_EQUIRECT_LEVEL)
    // The picture stands level (its pose is a turn at most, folded into u_centre): no trigonometry needed.
    return placed(0.5 - angles.x / (2.0 * PI), 0.5 - angles.y / PI, map_coverage, d);
#else
    return placed_direction(u_R_picture_view * d, map_coverage);
#endif
}

#elif defined(RAY_RECTILINEAR)

noperspective in vec3 v_ray;

Place place_of(vec2 at) {
    return placed_direction(v_ray, 1.0);
}

#else

// Ray in the view's frame (x forward, y left, z up), any length.
vec3 view_ray(vec2 left_up) {
#if defined(RAY_STEREOGRAPHIC)
    // tan(t/2) = r/2 written out
    return vec3(1.0 - 0.25 * dot(left_up, left_up), left_up);
#else
    float r = length(left_up);
    float angle = atan(u_k * r) / u_k;
    float ratio = r > 1e-6 ? sin(angle) / r : 1.0;
    return vec3(cos(angle), left_up * ratio);
#endif
}

Place place_of(vec2 at) {
    return placed_direction(u_R_picture_view * view_ray((1.0 - 2.0 * at) * u_edge), 1.0);
}

#endif
#endif
