#version 330 core
// Pixel of the viewport -> ray -> place in the picture -> samples -> R'G'B' -> lines on top.
//
// Variants, set by the program that compiles this (see render/variants.py):
//   RAY_RECTILINEAR | RAY_STEREOGRAPHIC | RAY_BLEND | RAY_EQUIRECT | RAY_EQUIRECT_LEVEL | RAY_FLAT
//   PLANES_Y | PLANES_YUV | PLANES_Y_UV      how the samples are stored
//   WRAP_SEAM                                the eye's left and right edges meet, but not the texture's
//   TRANSFER_PQ | TRANSFER_HLG, WIDE_GAMUT   tone mapping
//   WHOLE                                    full sphere, and the eye is the whole texture: the sampler wraps and ends it
//   PARTIAL                                  the picture may leave parts of the viewport empty
//   OUTLINE, CROSSHAIR                       lines on top
//   OVERLAY, with TINT, FIELD, DIFFERENCE, LABEL_0..3 (see overlay.glsl)

noperspective in vec2 v_at;     // place in the pane, 0..1, origin top left

uniform vec2 u_pane_size;       // pixels
uniform vec3 u_background;

out vec4 o_color;

#include "edge.glsl"
#include "ray.glsl"
#include "picture.glsl"
#include "color.glsl"
#include "marks.glsl"
#ifdef OVERLAY
#include "overlay.glsl"
#endif

void main() {
    Place place = place_of(v_at);
    vec3 rgb = screen_rgb(picture_samples(place.eye_uv));
#ifdef PARTIAL
    rgb = mix(u_background, rgb, place.coverage);
#endif
#ifdef OVERLAY
#ifdef PARTIAL
    rgb = mix(rgb, with_overlays(rgb, place.sphere_uv), place.on_sphere);
#else
    rgb = with_overlays(rgb, place.sphere_uv);
#endif
#endif
#ifdef OUTLINE
    rgb = with_outline(rgb, place.direction);
#endif
#ifdef CROSSHAIR
    rgb = with_crosshair(rgb, v_at * u_pane_size);
#endif
    o_color = vec4(rgb, 1.0);
}
