// Lines drawn over the picture: another view's border, and a ring at a direction.

#ifdef OUTLINE

uniform mat3 u_outline_R_view_picture;  // picture vectors to the outlined view's (equirect: to the world's)
uniform vec2 u_outline_edge;            // its u_edge
uniform float u_outline_k;              // its u_k; 0 for an equirect view
uniform vec2 u_outline_centre;          // its u_centre
uniform vec3 u_outline_rgb;
uniform float u_outline_width;          // pixels

// Signed distance to the border in half-viewports: negative inside. Squeezed into (-1, 1], so that it stays smooth
// where the projection runs off to infinity.
float border_distance(vec3 direction) {
    vec3 ray = u_outline_R_view_picture * direction;
    vec2 half_viewports;
    if (u_outline_k > 0.0) {
        float sideways = length(ray.yz);
        float angle = u_outline_k * atan(sideways, ray.x);
        if (angle > 0.4999 * PI) return 1.0;
        half_viewports = ray.yz * (tan(angle) / u_outline_k / max(sideways, 1e-9)) / u_outline_edge;
    } else {
        vec2 angles = vec2(atan(ray.y, ray.x), atan(ray.z, length(ray.xy))) - u_outline_centre;
        angles.x -= 2.0 * PI * floor(angles.x / (2.0 * PI) + 0.5);
        half_viewports = angles / u_outline_edge;
    }
    vec2 beyond = abs(half_viewports) - 1.0;
    float d = max(beyond.x, beyond.y);
    return d / (1.0 + abs(d));
}

vec3 with_outline(vec3 rgb, vec3 direction) {
    float d = border_distance(direction);
    float pixels = abs(d) / slope_of(d);
    // a dark rim keeps the line visible on bright pictures
    rgb = mix(rgb, vec3(0.0), 0.45 * clamp(0.5 * u_outline_width + 1.5 - pixels, 0.0, 1.0));
    return mix(rgb, u_outline_rgb, clamp(0.5 * u_outline_width + 0.5 - pixels, 0.0, 1.0));
}

#endif

#ifdef CROSSHAIR

uniform vec4 u_crosshair;       // x, y in pane pixels (origin top left), radius in pixels, pixels after which it recurs

vec3 with_crosshair(vec3 rgb, vec2 at) {
    vec2 away = at - u_crosshair.xy;
    away.x -= u_crosshair.w * floor(away.x / u_crosshair.w + 0.5);
    float r = length(away);
    float ring = abs(r - u_crosshair.z);
    float dot_distance = max(r - 0.18 * u_crosshair.z, 0.0);
    float near = min(ring, dot_distance);
    rgb = mix(rgb, vec3(0.0), 0.6 * clamp(2.5 - near, 0.0, 1.0));
    return mix(rgb, vec3(1.0), clamp(1.5 - near, 0.0, 1.0));
}

#endif
