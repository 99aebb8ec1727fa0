// Samples to R'G'B' for an SDR screen. Repeats panosod_core/media/color.py; a parity test holds the two together.

uniform mat3 u_rgb_from_samples;
uniform vec3 u_rgb_offset;

#if defined(TRANSFER_PQ) || defined(TRANSFER_HLG)

const float REFERENCE_WHITE_NITS = 203.0;
const float KNEE = 0.6;
// column by column
const mat3 BT2020_TO_BT709 = mat3(1.660491, -0.124550, -0.018151,
                                  -0.587641, 1.132900, -0.100579,
                                  -0.072850, -0.008349, 1.118730);

vec3 nits_of(vec3 e) {
#if defined(TRANSFER_PQ)
    vec3 p = pow(e, vec3(1.0 / 78.84375));
    return 10000.0 * pow(max(p - 0.8359375, 0.0) / (18.8515625 - 18.6875 * p), vec3(1.0 / 0.1593017578125));
#else
    vec3 low = e * e / 3.0;
    vec3 high = (exp((e - 0.55991073) / 0.17883277) + 0.28466892) / 12.0;
    vec3 scene = mix(high, low, lessThanEqual(e, vec3(0.5)));
    float luminance = dot(scene, vec3(0.2627, 0.6780, 0.0593));
    return 1000.0 * scene * pow(max(luminance, 1e-9), 0.2);
#endif
}

vec3 tone_mapped(vec3 e) {
    vec3 linear = nits_of(e) / REFERENCE_WHITE_NITS;
#ifdef WIDE_GAMUT
    linear = BT2020_TO_BT709 * linear;
#endif
    linear = max(linear, 0.0);
    float peak = max(linear.r, max(linear.g, linear.b));
    float t = max(peak - KNEE, 0.0) / (1.0 - KNEE);
    float curved = peak > KNEE ? KNEE + (1.0 - KNEE) * t / (1.0 + t) : peak;
    linear = min(linear * (curved / max(peak, 1e-9)), 1.0);
    vec3 power = 1.055 * pow(max(linear, 1e-12), vec3(1.0 / 2.4)) - 0.055;
    return mix(power, 12.92 * linear, lessThanEqual(linear, vec3(0.0031308)));
}

#endif

vec3 screen_rgb(vec3 samples) {
    vec3 rgb = clamp(u_rgb_from_samples * samples + u_rgb_offset, 0.0, 1.0);
#if defined(TRANSFER_PQ) || defined(TRANSFER_HLG)
    rgb = tone_mapped(rgb);
#endif
    return rgb;
}
