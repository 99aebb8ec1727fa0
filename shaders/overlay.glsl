// What lies over the picture: colour-mapped maps, a map's contour, label maps, the difference of two sources.
//
// All are equirectangular pictures of the full sphere in the picture's frame, looked up at place.sphere_uv; their
// samplers wrap sideways and hold at the poles. Colours are premultiplied.
//
// A software renderer pays for every look-up: a map with an edge holds the four corners of each of its cells in one
// texel, and the colours of labels are looked up by two of them at once. Maps with an edge are interpolated here
// rather than by the sampler, whose weights have 8 bits: zoomed in, a contour would show its steps. The slope over a
// pixel is analytic for the same reason.

vec3 under(vec4 colour, vec3 rgb) {
    return rgb * (1.0 - colour.a) + colour.rgb;
}

#ifdef TINT
uniform sampler2D u_tint;
#endif

#if defined(FIELD) || defined(DIFFERENCE) || defined(LABEL_0)

// Change of uv over a pixel; at the seam u jumps by one.
vec2 without_jump(vec2 change) {
    return vec2(change.x - floor(change.x + 0.5), change.y);
}

#endif

#if defined(FIELD) || defined(RESULT_MAP) || defined(REFERENCE_MAP)

// Signed distance to where a map crosses a threshold, pixels, positive above.
// corners: each texel holds the values at itself, to the right, below, and below to the right.
float pixels_above(sampler2D corners, float threshold, vec2 uv, vec2 right, vec2 down) {
    vec2 size = vec2(textureSize(corners, 0));
    vec2 texel = vec2(uv.x * size.x, clamp(uv.y * size.y, 0.5, size.y - 0.5)) - 0.5;
    vec2 corner = floor(texel);
    vec2 w = texel - corner;
    vec4 value = textureLod(corners, (corner + 0.5) / size, 0.0);
    vec2 across = value.yw - value.xz;
    vec2 left_right = value.xz + across * w.x;
    float down_slope = left_right.y - left_right.x;
    vec2 slope = vec2(mix(across.x, across.y, w.y), down_slope) * size;
    vec2 per_pixel = vec2(dot(slope, right), dot(slope, down));
    float above = left_right.x + down_slope * w.y - threshold;
    return above * inversesqrt(max(dot(per_pixel, per_pixel), 1e-14));
}

#endif

#if defined(LABEL_0) || defined(RESULT_LABELS) || defined(REFERENCE_LABELS)

// Label / 255, nearest neighbour.
float label_at(sampler2D labels, vec2 uv) {
    return textureLod(labels, uv, 0.0).r;
}

#endif

#ifdef LABEL_0

uniform sampler2D u_palette;        // squares: column the label, row the label across the pixel
uniform vec2 u_palette_rows;        // a label's step and a square's, in texture coordinates
uniform sampler2D u_labels0;
uniform float u_label_reach0;       // half the contour's width, pixels
uniform vec4 u_label_line0;
uniform float u_label_square0;         // where all objects have the same
#ifdef LABEL_1
uniform sampler2D u_labels1;
uniform float u_label_reach1;
uniform vec4 u_label_line1;
uniform float u_label_square1;
#endif
#ifdef LABEL_2
uniform sampler2D u_labels2;
uniform float u_label_reach2;
uniform vec4 u_label_line2;
uniform float u_label_square2;
#endif
#ifdef LABEL_3
uniform sampler2D u_labels3;
uniform float u_label_reach3;
uniform vec4 u_label_line3;
uniform float u_label_square3;
#endif

vec4 pair_colour(float id, float other, float square) {
    float column = id * (255.0 / 256.0) + 0.5 / 256.0;
    float row = (other * 255.0 + 0.5) * u_palette_rows.x + square * u_palette_rows.y;
    return textureLod(u_palette, vec2(column, row), 0.0);
}

// Two labels of a pixel, different ones where a border runs through: three places of a square around it are looked at.
vec2 labels_across(sampler2D labels, float reach, vec2 uv, vec2 right, vec2 down) {
    vec2 corner = uv - reach * (right + down);
    float id = label_at(labels, corner);
    float across = label_at(labels, corner + 2.0 * reach * right);
    float below = label_at(labels, corner + 2.0 * reach * down);
    return vec2(id, across != id ? across : below);
}

vec3 with_fill(vec3 rgb, sampler2D labels, float square, vec2 uv) {
    float id = label_at(labels, uv);
    return under(pair_colour(id, id, square), rgb);
}

// The line on one side of a border (the higher label's), on the other a dark rim that keeps it visible on pictures of its
// own colour. Three places around a pixel are looked at, a third of a turn apart: the line is 1.4 to 2.8 reaches wide.
vec3 with_contour(vec3 rgb, sampler2D labels, vec4 line, float reach, vec2 uv, vec2 right, vec2 down) {
    vec2 one = uv + 2.8 * reach * down, other = uv - 1.4 * reach * down, aside = 2.42 * reach * right;
    vec3 around = vec3(label_at(labels, one), label_at(labels, other + aside), label_at(labels, other - aside));
    float id = label_at(labels, uv);
    if (around == vec3(id)) return rgb;
    return id > min(around.x, min(around.y, around.z)) ? under(line, rgb) : rgb * (1.0 - 0.45 * line.a);
}

vec3 with_both(vec3 rgb, sampler2D labels, float square, float reach, vec2 uv, vec2 right, vec2 down) {
    vec2 pair = labels_across(labels, reach, uv, right, down);
    return under(pair_colour(pair.x, pair.y, square), rgb);
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
#ifdef FIELD_FILL
    rgb = under(u_field_fill * clamp(d + 0.5, 0.0, 1.0), rgb);
#endif
#ifdef FIELD_LINE
    // a dark rim keeps the line visible on pictures of its own colour
    float away = abs(d) - 0.5 * u_field_width;
    rgb *= 1.0 - 0.35 * u_field_line.a * clamp(1.5 - away, 0.0, 1.0);
    rgb = under(u_field_line * clamp(0.5 - away, 0.0, 1.0), rgb);
#endif
    return rgb;
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
    float result = label_at(u_result, uv) != 0.0 ? 1.0 : 0.0;
#endif
#ifdef REFERENCE_MAP
    float reference = clamp(pixels_above(u_reference, u_reference_threshold, uv, right, down) + 0.5, 0.0, 1.0);
#else
    float reference = label_at(u_reference, uv) != 0.0 ? 1.0 : 0.0;
#endif
    return under(mix(u_false_alarm * result, mix(u_miss, u_hit, result), reference), rgb);
}

#endif

vec3 with_overlays(vec3 rgb, vec2 uv) {
#ifdef TINT
    rgb = under(textureLod(u_tint, uv, 0.0), rgb);
#endif
#if defined(FIELD) || defined(DIFFERENCE) || defined(LABEL_0)
    vec2 right = without_jump(dFdx(uv));
    vec2 down = without_jump(dFdy(uv));
#endif
#ifdef DIFFERENCE
    rgb = with_difference(rgb, uv, right, down);
#endif
#if defined(LABEL_0_BOTH)
    rgb = with_both(rgb, u_labels0, u_label_square0, u_label_reach0, uv, right, down);
#elif defined(LABEL_0_FILL)
    rgb = with_fill(rgb, u_labels0, u_label_square0, uv);
#elif defined(LABEL_0_CONTOUR)
    rgb = with_contour(rgb, u_labels0, u_label_line0, u_label_reach0, uv, right, down);
#endif
#if defined(LABEL_1_BOTH)
    rgb = with_both(rgb, u_labels1, u_label_square1, u_label_reach1, uv, right, down);
#elif defined(LABEL_1_FILL)
    rgb = with_fill(rgb, u_labels1, u_label_square1, uv);
#elif defined(LABEL_1_CONTOUR)
    rgb = with_contour(rgb, u_labels1, u_label_line1, u_label_reach1, uv, right, down);
#endif
#if defined(LABEL_2_BOTH)
    rgb = with_both(rgb, u_labels2, u_label_square2, u_label_reach2, uv, right, down);
#elif defined(LABEL_2_FILL)
    rgb = with_fill(rgb, u_labels2, u_label_square2, uv);
#elif defined(LABEL_2_CONTOUR)
    rgb = with_contour(rgb, u_labels2, u_label_line2, u_label_reach2, uv, right, down);
#endif
#if defined(LABEL_3_BOTH)
    rgb = with_both(rgb, u_labels3, u_label_square3, u_label_reach3, uv, right, down);
#elif defined(LABEL_3_FILL)
    rgb = with_fill(rgb, u_labels3, u_label_square3, uv);
#elif defined(LABEL_3_CONTOUR)
    rgb = with_contour(rgb, u_labels3, u_label_line3, u_label_reach3, uv, right, down);
#endif
#ifdef FIELD
    rgb = with_field(rgb, uv, right, down);
#endif
    return rgb;
}
