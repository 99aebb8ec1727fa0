// What lies over the picture: colour-mapped maps, a map's contour, label maps, the difference of two sources.
//
// All are equirectangular pictures of the full sphere in the picture's frame, looked up at place.sphere_uv. Maps with
// an edge are interpolated here rather than by the sampler, whose weights have 8 bits: zoomed in, a contour would
// show its steps. The slope over a pixel is analytic for the same reason.

#ifdef TINT
uniform sampler2D u_tint;           // premultiplied; wraps sideways
#endif

#if defined(FIELD) || defined(DIFFERENCE) || defined(LABEL_0)

// Texel of a ring of columns.
ivec2 ring_texel(ivec2 at, ivec2 size) {
    at.x += at.x < 0 ? size.x : 0;
    at.x -= at.x >= size.x ? size.x : 0;
    return ivec2(at.x, clamp(at.y, 0, size.y - 1));
}

// Change of uv over a pixel; at the seam u jumps by one.
vec2 without_jump(vec2 change) {
    return vec2(change.x - floor(change.x + 0.5), change.y);
}

#endif

#if defined(FIELD) || defined(RESULT_MAP) || defined(REFERENCE_MAP)

// Signed distance to where a map crosses a threshold, pixels, positive above.
float pixels_above(sampler2D map, float threshold, vec2 uv, vec2 right, vec2 down) {
    ivec2 size = textureSize(map, 0);
    vec2 texel = vec2(fract(uv.x), uv.y) * vec2(size) - 0.5;
    vec2 corner = floor(texel);
    vec2 w = texel - corner;
    ivec2 first = ring_texel(ivec2(corner), size);
    ivec2 second = ring_texel(ivec2(corner) + 1, size);
    float a = texelFetch(map, first, 0).r;
    float b = texelFetch(map, ivec2(second.x, first.y), 0).r;
    float c = texelFetch(map, ivec2(first.x, second.y), 0).r;
    float d = texelFetch(map, second, 0).r;
    float top = a + (b - a) * w.x;
    float bottom = c + (d - c) * w.x;
    vec2 slope = vec2(mix(b - a, d - c, w.y), bottom - top) * vec2(size);
    float steepness = length(vec2(dot(slope, right), dot(slope, down)));
    return (top + (bottom - top) * w.y - threshold) / max(steepness, 1e-7);
}

#endif

#if defined(LABEL_0) || defined(RESULT_LABELS) || defined(REFERENCE_LABELS)

int label_at(sampler2D labels, vec2 uv) {
    ivec2 size = textureSize(labels, 0);
    ivec2 at = ivec2(vec2(fract(uv.x), clamp(uv.y, 0.0, 1.0)) * vec2(size));
    return int(texelFetch(labels, min(at, size - 1), 0).r * 255.0 + 0.5);
}

#endif

#ifdef LABEL_0

uniform sampler2D u_palette;        // two rows a layer: fill, line
uniform sampler2D u_labels0;
uniform float u_label_reach0;       // half the contour's width, pixels
#ifdef LABEL_1
uniform sampler2D u_labels1;
uniform float u_label_reach1;
#endif
#ifdef LABEL_2
uniform sampler2D u_labels2;
uniform float u_label_reach2;
#endif
#ifdef LABEL_3
uniform sampler2D u_labels3;
uniform float u_label_reach3;
#endif

vec3 with_fill(vec3 rgb, sampler2D labels, int row, vec2 uv) {
    vec4 fill = texelFetch(u_palette, ivec2(label_at(labels, uv), row), 0);
    return mix(rgb, fill.rgb, fill.a);
}

// A line where labels differ across the pixel: three places of a square around it are looked at.
vec3 with_contour(vec3 rgb, sampler2D labels, int row, float reach, vec2 uv, vec2 right, vec2 down) {
    vec2 corner = uv - reach * (right + down);
    int id = label_at(labels, corner);
    int across = label_at(labels, corner + 2.0 * reach * right);
    int below = label_at(labels, corner + 2.0 * reach * down);
    int other = across != id ? across : below;
    // the line is that of the object, or of the higher id where two meet
    vec4 high = texelFetch(u_palette, ivec2(max(id, other), row + 1), 0);
    vec4 low = texelFetch(u_palette, ivec2(min(id, other), row + 1), 0);
    vec4 line = high.a > 0.0 ? high : low;
    return mix(rgb, line.rgb, other != id ? line.a : 0.0);
}

#endif

#ifdef FIELD

uniform sampler2D u_field;
uniform float u_field_threshold;
uniform vec4 u_field_fill;
uniform vec4 u_field_line;
uniform float u_field_width;        // pixels

vec3 with_field(vec3 rgb, vec2 uv, vec2 right, vec2 down) {
    float d = pixels_above(u_field, u_field_threshold, uv, right, down);
    rgb = mix(rgb, u_field_fill.rgb, u_field_fill.a * clamp(d + 0.5, 0.0, 1.0));
    // a dark rim keeps the line visible on pictures of its own colour
    float away = abs(d) - 0.5 * u_field_width;
    rgb = mix(rgb, vec3(0.0), 0.35 * u_field_line.a * clamp(1.5 - away, 0.0, 1.0));
    return mix(rgb, u_field_line.rgb, u_field_line.a * clamp(0.5 - away, 0.0, 1.0));
}

#endif

#ifdef DIFFERENCE

uniform sampler2D u_result;
uniform sampler2D u_reference;
#ifdef RESULT_MAP
uniform float u_result_threshold;
#endif
#ifdef REFERENCE_MAP
uniform float u_reference_threshold;
#endif
uniform vec4 u_hit;
uniform vec4 u_miss;
uniform vec4 u_false_alarm;

vec3 with_difference(vec3 rgb, vec2 uv, vec2 right, vec2 down) {
#ifdef RESULT_MAP
    float result = clamp(pixels_above(u_result, u_result_threshold, uv, right, down) + 0.5, 0.0, 1.0);
#else
    float result = label_at(u_result, uv) != 0 ? 1.0 : 0.0;
#endif
#ifdef REFERENCE_MAP
    float reference = clamp(pixels_above(u_reference, u_reference_threshold, uv, right, down) + 0.5, 0.0, 1.0);
#else
    float reference = label_at(u_reference, uv) != 0 ? 1.0 : 0.0;
#endif
    rgb = mix(rgb, u_hit.rgb, u_hit.a * result * reference);
    rgb = mix(rgb, u_miss.rgb, u_miss.a * (1.0 - result) * reference);
    return mix(rgb, u_false_alarm.rgb, u_false_alarm.a * result * (1.0 - reference));
}

#endif

vec3 with_overlays(vec3 rgb, vec2 uv) {
#ifdef TINT
    vec4 tint = textureLod(u_tint, uv, 0.0);
    rgb = rgb * (1.0 - tint.a) + tint.rgb;
#endif
#if defined(FIELD) || defined(DIFFERENCE) || defined(LABEL_0)
    vec2 right = without_jump(dFdx(uv));
    vec2 down = without_jump(dFdy(uv));
#endif
#ifdef DIFFERENCE
    rgb = with_difference(rgb, uv, right, down);
#endif
#ifdef LABEL_0_FILL
    rgb = with_fill(rgb, u_labels0, 0, uv);
#endif
#ifdef LABEL_0_LINE
    rgb = with_contour(rgb, u_labels0, 0, u_label_reach0, uv, right, down);
#endif
#ifdef LABEL_1_FILL
    rgb = with_fill(rgb, u_labels1, 2, uv);
#endif
#ifdef LABEL_1_LINE
    rgb = with_contour(rgb, u_labels1, 2, u_label_reach1, uv, right, down);
#endif
#ifdef LABEL_2_FILL
    rgb = with_fill(rgb, u_labels2, 4, uv);
#endif
#ifdef LABEL_2_LINE
    rgb = with_contour(rgb, u_labels2, 4, u_label_reach2, uv, right, down);
#endif
#ifdef LABEL_3_FILL
    rgb = with_fill(rgb, u_labels3, 6, uv);
#endif
#ifdef LABEL_3_LINE
    rgb = with_contour(rgb, u_labels3, 6, u_label_reach3, uv, right, down);
#endif
#ifdef FIELD
    rgb = with_field(rgb, uv, right, down);
#endif
    return rgb;
}
