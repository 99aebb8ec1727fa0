#version 330 core
// A small picture over a pane, in its pixels.

layout(location = 0) in vec2 a_place;       // pixels, origin top left
layout(location = 1) in vec2 a_uv;

uniform vec2 u_pane_size;

noperspective out vec2 v_uv;

void main() {
    gl_Position = vec4(a_place.x / u_pane_size.x * 2.0 - 1.0, 1.0 - a_place.y / u_pane_size.y * 2.0, 0.0, 1.0);
    v_uv = a_uv;
}
