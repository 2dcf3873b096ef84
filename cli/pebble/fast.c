// What the training does between its matrix products, in bfloat16 with float32 inside: norms, rotary positions,
// causal softmax, SwiGLU; each forwards and backwards. Row-major, one thread. Compiled and called by fast.py.
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t half;

static inline float wide(half x) {
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

static inline half narrow(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (half)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// y = x / rms(x) * w for `rows` rows of `n`; `inverse` keeps 1 / rms.
void norm(const half *restrict x, const float *restrict w, half *restrict y, float *restrict inverse, long rows, long n,
          float epsilon) {
    for (long r = 0; r < rows; r++, x += n, y += n) {
        float sum = 0;
        for (long i = 0; i < n; i++) sum += wide(x[i]) * wide(x[i]);
        float scale = inverse[r] = 1.0f / sqrtf(sum / n + epsilon);
        for (long i = 0; i < n; i++) y[i] = narrow(wide(x[i]) * scale * w[i]);
    }
}

void norm_back(const half *restrict x, const float *restrict w, const float *restrict inverse, const half *restrict dy,
               half *restrict dx, float *restrict dw, long rows, long n) {
    for (long r = 0; r < rows; r++, x += n, dy += n, dx += n) {
        float scale = inverse[r], dot = 0;
        for (long i = 0; i < n; i++) dot += wide(dy[i]) * w[i] * wide(x[i]);
        dot *= scale * scale / n;
        for (long i = 0; i < n; i++) {
            dw[i] += wide(dy[i]) * wide(x[i]) * scale;
            dx[i] = narrow(scale * (wide(dy[i]) * w[i] - wide(x[i]) * dot));
        }
    }
}

enum { HEAD = 64, HALF = HEAD / 2 };

// One head of a token: norm, weight, rotation by the token's position.
static inline void turn(const half *restrict x, const float *restrict w, const float *restrict c,
                        const float *restrict s, half *restrict y, float *restrict inverse, float epsilon) {
    float sum = 0;
    for (int i = 0; i < HEAD; i++) sum += wide(x[i]) * wide(x[i]);
    float scale = *inverse = 1.0f / sqrtf(sum / HEAD + epsilon);
    for (int i = 0; i < HALF; i++) {
        float a = wide(x[i]) * scale * w[i], b = wide(x[i + HALF]) * scale * w[i + HALF];
        y[i] = narrow(a * c[i] - b * s[i]);
        y[i + HALF] = narrow(b * c[i] + a * s[i]);
    }
}

static inline void turn_back(const half *restrict x, const float *restrict w, const float *restrict c,
                             const float *restrict s, const half *restrict dy, half *restrict dx, float *restrict dw,
                             float scale) {
    float d[HEAD], dot = 0;
    for (int i = 0; i < HALF; i++) {
        float p = wide(dy[i]), q = wide(dy[i + HALF]);
        d[i] = p * c[i] + q * s[i];
        d[i + HALF] = q * c[i] - p * s[i];
    }
    for (int i = 0; i < HEAD; i++) dot += d[i] * w[i] * wide(x[i]);
    dot *= scale * scale / HEAD;
    for (int i = 0; i < HEAD; i++) {
        dw[i] += d[i] * wide(x[i]) * scale;
        dx[i] = narrow(scale * (d[i] * w[i] - wide(x[i]) * dot));
    }
}

// qkv (batch, length, heads + 2 * pairs, 64) -> q (batch, heads, length, 64), k and v (batch, pairs, length, 64).
void heads(const half *qkv, const float *qw, const float *kw, const float *c, const float *s, half *q, half *k, half *v,
           float *inverse, long batch, long length, long heads, long pairs, float epsilon) {
    for (long b = 0; b < batch; b++)
        for (long t = 0; t < length; t++) {
            const float *ct = c + t * HALF, *st = s + t * HALF;
            for (long h = 0; h < heads; h++, qkv += HEAD)
                turn(qkv, qw, ct, st, q + ((b * heads + h) * length + t) * HEAD, inverse++, epsilon);
            for (long h = 0; h < pairs; h++, qkv += HEAD)
                turn(qkv, kw, ct, st, k + ((b * pairs + h) * length + t) * HEAD, inverse++, epsilon);
            for (long h = 0; h < pairs; h++, qkv += HEAD)
                memcpy(v + ((b * pairs + h) * length + t) * HEAD, qkv, HEAD * sizeof(half));
        }
}

void heads_back(const half *qkv, const float *qw, const float *kw, const float *c, const float *s, const float *inverse,
                const half *dq, const half *dk, const half *dv, half *dqkv, float *dqw, float *dkw, long batch,
                long length, long heads, long pairs) {
    for (long b = 0; b < batch; b++)
        for (long t = 0; t < length; t++) {
            const float *ct = c + t * HALF, *st = s + t * HALF;
            for (long h = 0; h < heads; h++, qkv += HEAD, dqkv += HEAD)
                turn_back(qkv, qw, ct, st, dq + ((b * heads + h) * length + t) * HEAD, dqkv, dqw, *inverse++);
            for (long h = 0; h < pairs; h++, qkv += HEAD, dqkv += HEAD)
                turn_back(qkv, kw, ct, st, dk + ((b * pairs + h) * length + t) * HEAD, dqkv, dkw, *inverse++);
            for (long h = 0; h < pairs; h++, qkv += HEAD, dqkv += HEAD)
                memcpy(dqkv, dv + ((b * pairs + h) * length + t) * HEAD, HEAD * sizeof(half));
        }
}

// Causal softmax in place of `count` score matrices (length, length).
void softmax(half *restrict p, long count, long length, float scale) {
    float row[length];
    for (long m = 0; m < count; m++)
        for (long t = 0; t < length; t++, p += length) {
            float top = -1e30f, sum = 0;
            for (long i = 0; i <= t; i++) {
                row[i] = wide(p[i]) * scale;
                top = row[i] > top ? row[i] : top;
            }
            for (long i = 0; i <= t; i++) {
                row[i] = expf(row[i] - top);
                sum += row[i];
            }
            sum = 1.0f / sum;
            for (long i = 0; i <= t; i++) p[i] = narrow(row[i] * sum);
            memset(p + t + 1, 0, (length - t - 1) * sizeof(half));
        }
}

// dp becomes the gradient of the scores.
void softmax_back(const half *restrict p, half *restrict dp, long count, long length, float scale) {
    for (long m = 0; m < count; m++)
        for (long t = 0; t < length; t++, p += length, dp += length) {
            float dot = 0;
            for (long i = 0; i <= t; i++) dot += wide(p[i]) * wide(dp[i]);
            for (long i = 0; i <= t; i++) dp[i] = narrow(wide(p[i]) * (wide(dp[i]) - dot) * scale);
            memset(dp + t + 1, 0, (length - t - 1) * sizeof(half));
        }
}

// (rows, 2 * n), gate then up -> silu(gate) * up.
void swiglu(const half *restrict x, half *restrict y, long rows, long n) {
    for (long r = 0; r < rows; r++, x += 2 * n, y += n)
        for (long i = 0; i < n; i++) {
            float g = wide(x[i]);
            y[i] = narrow(g / (1.0f + expf(-g)) * wide(x[n + i]));
        }
}

void swiglu_back(const half *restrict x, const half *restrict dy, half *restrict dx, long rows, long n) {
    for (long r = 0; r < rows; r++, x += 2 * n, dx += 2 * n, dy += n)
        for (long i = 0; i < n; i++) {
            float g = wide(x[i]), s = 1.0f / (1.0f + expf(-g)), d = wide(dy[i]);
            dx[i] = narrow(d * wide(x[n + i]) * s * (1.0f + g * (1.0f - s)));
            dx[n + i] = narrow(d * g * s);
        }
}
