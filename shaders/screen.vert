#version 330 core
// One triangle that covers the viewport; no vertex buffer.

noperspective out vec2 v_at;    // place in the pane, 0..1, origin top left

#if defined(RAY_RECTILINEAR)

uniform mat3 u_R_picture_view;  // view vectors to picture vectors
uniform vec2 u_edge;            // radius at the middle of the right and of the top edge

noperspective out vec3 v_ray;   // in the picture's frame, any length: linear across the pane, so no pixel need work it out

#endif

void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
    v_at = vec2(corner.x, 1.0 - corner.y);
#if defined(RAY_RECTILINEAR)
    v_ray = u_R_picture_view * vec3(1.0, (1.0 - 2.0 * v_at) * u_edge);
#endif
}
