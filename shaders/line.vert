#version 330 core
// Ribbons over a pane, in its pixels.

layout(location = 0) in vec2 a_place;       // pixels, origin top left
layout(location = 1) in vec4 a_line;        // across, along, half width, dash; pixels
layout(location = 2) in vec3 a_rgb;

uniform vec2 u_pane_size;

noperspective out vec4 v_line;
flat out vec3 v_rgb;

void main() {
    gl_Position = vec4(a_place.x / u_pane_size.x * 2.0 - 1.0, 1.0 - a_place.y / u_pane_size.y * 2.0, 0.0, 1.0);
    v_line = a_line;
    v_rgb = a_rgb;
}
