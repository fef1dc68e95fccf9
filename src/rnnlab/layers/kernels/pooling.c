/* Mean and maximum of each feature over the valid steps of each sequence, of float32 on a CPU, with
   their gradients.

   B sequences, T steps, H features: mean_bh = sum_t x_bth / length_b and top_bh = max_t x_bth. The
   steps that have the maximum share its gradient.

   Both directions read x once, in blocks of STEPS steps: those of one sequence after the other, so
   that few pages of memory are in use. The sums of blocks are added, so that rounding does not grow
   with T. Threads split the sequences. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "parts.h"

#define STEPS 32 /* of a block */
#define WIDTH 32 /* features whose sums are in registers */

/* One call; arrays are contiguous but for the steps and rows of x and d_x. Mirrored in
   rnnlab/layers/kernels/pooling.py. */
typedef struct {
    int64_t threads, batch, steps, width;
    int64_t x_step, x_row, d_step, d_row; /* distances, in values */
    const float *x;                       /* (B, T, H) */
    const int64_t *lengths;               /* (B) */
    float *mean, *top;                    /* (B, H) */
    float *ties;                          /* number of steps that have the maximum, (B, H) */
    const float *d_mean, *d_top;          /* gradients, (B, H), or null */
    float *d_x;                           /* (B, T, H) */
} Call;

/* The sequences of a thread. */
typedef struct {
    const Call *call;
    int64_t first, end;
} Part;

/* Return how many steps of a block belong to a sequence. */
static int64_t count_steps(const Call *call, int64_t row, int64_t start)
{
    int64_t length = call->lengths[row] < call->steps ? call->lengths[row] : call->steps;
    int64_t rest = length - start;
    return rest < 0 ? 0 : rest < STEPS ? rest : STEPS;
}

/* Make NaN the maximum of a feature that has it; no number is larger from then on. */
static void keep_nan(int64_t steps, const float *x, int64_t distance, float *top, float *ties)
{
    for (int64_t t = 0; t < steps; t++, x += distance)
        if (*x != *x) {
            *top = *x;
            *ties = 0.0f;
        }
}

/* Add some steps of WIDTH features to their sums, maxima, and numbers of ties. */
static void add_steps(int64_t steps, const float *x, int64_t distance, float *sums, float *top,
                      float *ties)
{
    const float *row = x;
    float sum[WIDTH] = {0}, largest[WIDTH], equal[WIDTH];
    memcpy(largest, top, sizeof largest);
    memcpy(equal, ties, sizeof equal);
    for (int64_t t = 0; t < steps; t++, row += distance) {
#pragma omp simd
        for (int64_t h = 0; h < WIDTH; h++) {
            float value = row[h], before = largest[h];
            float count = equal[h] + (value == before ? 1.0f : 0.0f);
            sum[h] += value;
            equal[h] = value > before ? 1.0f : count;
            largest[h] = value > before ? value : before;
        }
    }
    memcpy(top, largest, sizeof largest);
    memcpy(ties, equal, sizeof equal);
    for (int64_t h = 0; h < WIDTH; h++) {
        if (sum[h] != sum[h])
            keep_nan(steps, x + h, distance, top + h, ties + h);
        sums[h] += sum[h];
    }
}

/* The same for the last features, fewer than WIDTH, each in a copy of WIDTH features. */
static void add_last_steps(int64_t steps, int64_t width, const float *x, int64_t distance,
                           float *sums, float *top, float *ties)
{
    float block[STEPS][WIDTH] = {{0}}, parts[3][WIDTH] = {{0}};
    float *results[3] = {sums, top, ties};
    size_t size = (size_t)width * sizeof(float);
    for (int64_t t = 0; t < steps; t++)
        memcpy(block[t], x + t * distance, size);
    for (int64_t i = 0; i < 3; i++)
        memcpy(parts[i], results[i], size);
    add_steps(steps, block[0], WIDTH, parts[0], parts[1], parts[2]);
    for (int64_t i = 0; i < 3; i++)
        memcpy(results[i], parts[i], size);
}

static void start_rows(const Part *part)
{
    int64_t H = part->call->width;
    for (int64_t i = part->first * H; i < part->end * H; i++) {
        part->call->mean[i] = part->call->ties[i] = 0.0f;
        part->call->top[i] = -INFINITY;
    }
}

static void *run_forward(void *argument)
{
    const Part *part = argument;
    const Call *call = part->call;
    int64_t H = call->width, whole = H / WIDTH * WIDTH;
    start_rows(part);
    for (int64_t start = 0; start < call->steps; start += STEPS)
        for (int64_t row = part->first; row < part->end; row++) {
            int64_t steps = count_steps(call, row, start);
            const float *x = call->x + start * call->x_step + row * call->x_row;
            float *sums = call->mean + row * H, *top = call->top + row * H;
            float *ties = call->ties + row * H;
            for (int64_t h = 0; h < whole; h += WIDTH)
                add_steps(steps, x + h, call->x_step, sums + h, top + h, ties + h);
            if (whole < H)
                add_last_steps(steps, H - whole, x + whole, call->x_step, sums + whole, top + whole,
                               ties + whole);
        }
    for (int64_t row = part->first; row < part->end; row++)
        for (int64_t h = 0; h < H; h++)
            call->mean[row * H + h] /= (float)call->lengths[row];
    return NULL;
}

/* Write the gradients of some steps of at most WIDTH features. */
static void write_steps(int64_t steps, int64_t width, const float *x, int64_t distance,
                        const float *top, const float *of_mean, const float *of_top, float *d_x,
                        int64_t d_distance)
{
    for (int64_t t = 0; t < steps; t++, x += distance, d_x += d_distance) {
#pragma omp simd
        for (int64_t h = 0; h < width; h++)
            d_x[h] = of_mean[h] + (x[h] == top[h] ? 1.0f : 0.0f) * of_top[h];
    }
}

/* Write the gradients of the valid steps of a block of a sequence, and zeros for its padding. */
static void write_block(const Call *call, int64_t row, int64_t start)
{
    int64_t H = call->width, steps = count_steps(call, row, start);
    int64_t left = call->steps - start, block = left < STEPS ? left : STEPS;
    const float *x = call->x + start * call->x_step + row * call->x_row;
    float *d_x = call->d_x + start * call->d_step + row * call->d_row;
    for (int64_t h = 0; h < H; h += WIDTH) {
        int64_t width = H - h < WIDTH ? H - h : WIDTH, at = row * H + h;
        float of_mean[WIDTH] = {0}, of_top[WIDTH] = {0};
        for (int64_t i = 0; i < width; i++) {
            if (call->d_mean)
                of_mean[i] = call->d_mean[at + i] / (float)call->lengths[row];
            if (call->d_top)
                of_top[i] = call->d_top[at + i] / call->ties[at + i];
        }
        write_steps(steps, width, x + h, call->x_step, call->top + at, of_mean, of_top, d_x + h,
                    call->d_step);
    }
    for (int64_t t = steps; t < block; t++)
        for (int64_t h = 0; h < H; h++)
            d_x[t * call->d_step + h] = 0.0f;
}

static void *run_backward(void *argument)
{
    const Part *part = argument;
    for (int64_t start = 0; start < part->call->steps; start += STEPS)
        for (int64_t row = part->first; row < part->end; row++)
            write_block(part->call, row, start);
    return NULL;
}

static void run_rows(const Call *call, void *(*run)(void *))
{
    Part parts[MAX_THREADS];
    int64_t work = call->batch * call->steps * call->width;
    int64_t count = limit_parts(call->threads, work, call->batch);
    for (int64_t i = 0; i < count; i++)
        parts[i] = (Part){call, call->batch * i / count, call->batch * (i + 1) / count};
    run_parts(run, parts, sizeof *parts, count);
}

/* Write mean, top and ties. */
void rnnlab_pool(const Call *call)
{
    run_rows(call, run_forward);
}

/* Write d_x from x, lengths, top, ties, d_mean and d_top. */
void rnnlab_pool_back(const Call *call)
{
    run_rows(call, run_backward);
}
