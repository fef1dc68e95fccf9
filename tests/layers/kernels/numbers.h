/* Arrays of the programs that the sanitizers check: drawn, exactly as long as documented, and freed. */

#include <stdint.h>
#include <stdlib.h>

static float *numbers(int64_t count)
{
    static uint32_t state = 1;
    float *values = malloc(count * sizeof(float)); /* not aligned, and not a value longer */
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / (float)(1 << 24) - 0.5f;
    }
    return values;
}

/* Return the sum of an array, which may be null, and free it. */
static double sum(const float *values, int64_t count)
{
    double total = 0.0;
    for (int64_t i = 0; values && i < count; i++)
        total += values[i];
    free((float *)values);
    return total;
}
