/* exp, sigmoid and tanh of float32, written so that the compiler vectorises loops that call them.

   NaN stays NaN, and infinity gives the limit. Largest errors over all float32 inputs against double
   precision: exponential 1e-7 relative between -87 and 88; sigmoid 1e-7 absolute, and 2e-7 relative
   above -80; tanh 4e-7 relative. */

#ifndef RNNLAB_ACTIVATIONS_H
#define RNNLAB_ACTIVATIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Limits of the inputs. They are no constants, because the compiler makes several comparisons of one
   with a constant; this way `x > limit ? limit : x` is one instruction, and NaN stays. */
float rnnlab_exp_max = 88.0f, rnnlab_exp_min = -87.0f, rnnlab_tanh_max = 9.0f, rnnlab_tanh_min = -9.0f;

/* exp(x) = 2^n exp(r) with an integer n and |r| <= ln(2) / 2. Inputs are limited to the range in
   which 2^n is a normal number: exp(-88) is 1.2e-38 and exp(88) is 1.7e38. */
static inline float exponential(float x)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    x = x > rnnlab_exp_max ? rnnlab_exp_max : x;
    x = x < rnnlab_exp_min ? rnnlab_exp_min : x;
    float shifted = x * 1.44269504f + shift;
    float n = shifted - shift;
    float r = x - n * 0.693359375f; /* ln(2) in two parts: this product is exact */
    r = r + n * 2.12194440e-4f;
    float p = 1.381314451e-3f; /* minimax: relative error 3e-9 without rounding */
    p = p * r + 8.369418968e-3f;
    p = p * r + 4.166845680e-2f;
    p = p * r + 1.666651479e-1f;
    p = p * r + 4.999999305e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* the bits of 2^n */
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + exponential(-x));
}

/* x P(x^2) / Q(x^2), minimax on |x| <= 9: relative error 6e-8 without rounding. tanh(9) is 1 - 3e-8,
   so larger inputs are limited to 9. */
static inline float hyperbolic_tangent(float x)
{
    x = x > rnnlab_tanh_max ? rnnlab_tanh_max : x;
    x = x < rnnlab_tanh_min ? rnnlab_tanh_min : x;
    float s = x * x;
    float p = 1.825520679e-11f;
    p = p * s - 1.278041360e-8f;
    p = p * s + 9.267407487e-6f;
    p = p * s + 2.920759946e-3f;
    p = p * s + 1.291922649e-1f;
    p = p * s + 0.9999999411f;
    float q = 2.280999650e-4f;
    q = q * s + 2.376316036e-2f;
    q = q * s + 4.625251033e-1f;
    q = q * s + 1.0f;
    return x * p / q;
}

#endif
