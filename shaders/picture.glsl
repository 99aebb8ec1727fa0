// Samples of the planes, bilinear in each, without reaching into the other eye and without a seam.

uniform sampler2D u_plane0;     // Y or G
uniform sampler2D u_plane1;     // Cb, Cb and Cr together, or B
uniform sampler2D u_plane2;     // Cr or R

uniform vec4 u_eye_rect;        // left, top, width, height of the eye in the texture
// Centres of the outermost texels of the eye: left, top, right, bottom. Wide open sideways where GL_REPEAT wraps.
uniform vec4 u_limits_luma;
uniform vec4 u_limits_chroma;
uniform vec2 u_chroma_shift;    // chroma siting, texture coordinates
uniform vec2 u_columns;         // texels in a row of the luma and chroma textures (WRAP_SEAM only)

// Explicit LOD: the derivatives jump at the seam, and there are no mipmaps anyway.
vec4 plane_sample(sampler2D plane, vec2 uv, vec4 limits, float columns) {
#ifdef WHOLE
    return textureLod(plane, uv, 0.0);
#else
    vec2 inside = clamp(uv, limits.xy, limits.zw);
    vec4 texel = textureLod(plane, inside, 0.0);
#ifdef WRAP_SEAM
    // Between the last column and the first: blend the two, as GL_REPEAT would if the eye were the whole texture.
    float opposite = uv.x < limits.x ? limits.z : limits.x;
    float weight = abs(uv.x - inside.x) * columns;
    texel = mix(texel, textureLod(plane, vec2(opposite, inside.y), 0.0), weight);
#endif
    return texel;
#endif
}

vec3 picture_samples(vec2 eye_uv) {
#ifdef WHOLE
    vec2 uv = eye_uv;
#else
    vec2 uv = u_eye_rect.xy + eye_uv * u_eye_rect.zw;
#endif
    vec2 chroma_uv = uv + u_chroma_shift;
    float luma = plane_sample(u_plane0, uv, u_limits_luma, u_columns.x).r;
#if defined(PLANES_Y)
    return vec3(luma, 0.0, 0.0);
#elif defined(PLANES_Y_UV)
    return vec3(luma, plane_sample(u_plane1, chroma_uv, u_limits_chroma, u_columns.y).rg);
#else
    return vec3(luma, plane_sample(u_plane1, chroma_uv, u_limits_chroma, u_columns.y).r,
                plane_sample(u_plane2, chroma_uv, u_limits_chroma, u_columns.y).r);
#endif
}
