#version 330 core
// Premultiplied.

noperspective in vec2 v_uv;

uniform sampler2D u_caption;

out vec4 o_color;

void main() {
    o_color = textureLod(u_caption, v_uv, 0.0);
}
