#version 330 core
// A line with soft edges and a dark rim, premultiplied.

noperspective in vec4 v_line;
flat in vec3 v_rgb;

out vec4 o_color;

void main() {
    float away = abs(v_line.x);
    float core = clamp(v_line.z + 0.5 - away, 0.0, 1.0);
    float rim = 0.5 * clamp(v_line.z + 1.5 - away, 0.0, 1.0);
    if (v_line.w > 0.0 && mod(v_line.y, 2.0 * v_line.w) > v_line.w) core = 0.0;
    o_color = vec4(v_rgb * core, core + rim * (1.0 - core));
}
