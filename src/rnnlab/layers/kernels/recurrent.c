/* GRU, LSTM and simple RNN of float32 on a CPU, forward and backward.

   T steps, B sequences, D input features, H hidden features, G gates. All arrays are contiguous:
   inputs (T, B, D), outputs (T, B, H), weights and the order of the gates as in torch:

       RNN   h' = f(a)                    a = W x + b + U h + b',  f = tanh or max(0, .)
       LSTM  i, f, g, o                   c' = f c + i g,  h' = o tanh(c')
       GRU   r, z, n = tanh(W x + b + r (U h + b'))        h' = (1 - z) n + z h

   The equations are those of rnnlab/layers/cells.py.

   Work is done in blocks of steps with about BLOCK_ROWS rows, so that what one product writes is in
   the cache when the next reads it. Threads split the batch; each runs all steps of its sequences.
   The sums of the weight gradients of the threads are added in the order of the threads. */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "activations.h"
#include "products.h"

#define BLOCK_ROWS 256
#define MIN_WORK 2000000 /* multiplications of a thread: below, starting a thread costs more */
#define MAX_THREADS 64

enum { RNN_TANH, RNN_RELU, LSTM, GRU };

/* One call. Pointers that are not needed are null. Mirrored in rnnlab/layers/kernels/library.py. */
typedef struct {
    int64_t cell, threads, steps, batch, inputs, hidden;
    const float *x, *h0, *c0;             /* (T, B, D), (B, H), (B, H) */
    const float *w_ih, *w_hh, *b_ih, *b_hh; /* (G H, D), (G H, H), (G H), (G H) */
    float *out;                           /* (T, B, H) */
    float *cells;                         /* of an LSTM: (T, B, H); (B, H) if no gates are stored */
    float *gates;                         /* (T, B, G H) for the backward pass; null without one */
    float *candidates;                    /* of a GRU: U h + b' of the candidate, (T, B, H), or null */
    const float *d_out, *d_h, *d_c;       /* gradients of the outputs and of the last state */
    float *d_x, *d_h0, *d_c0;
    float *d_w_ih, *d_w_hh, *d_b_ih, *d_b_hh;
} Call;

/* What all threads share: sizes, and weights in the form that the products read. */
typedef struct {
    const Call *call;
    int64_t gates;    /* G H: columns of the products with the weights */
    int64_t columns;  /* gradients of the gates of one sequence at one step; see GRU below */
    int64_t offset;   /* first column that belongs to the recurrent weights */
    float *w_ih, *w_hh, *w_n; /* packed; w_n: of a GRU, the recurrent weights of the candidate */
} Plan;

/* A part of the batch, with its working memory. */
typedef struct {
    const Plan *plan;
    int64_t first, count; /* sequences */
    int64_t block;        /* steps of a block */
    float *memory;
    int64_t packed; /* values of packed gradients */
    float *sums; /* of the weight gradients, transposed: (D, G H), (H, G H), (columns) */
} Part;

static float *allocate(int64_t values)
{
    size_t bytes = ((size_t)values * sizeof(float) + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    return aligned_alloc(ALIGNMENT, bytes);
}

static int64_t aligned_size(int64_t values)
{
    return (values + 15) / 16 * 16;
}

static int64_t count_gates(int64_t cell)
{
    return cell == LSTM ? 4 : cell == GRU ? 3 : 1;
}

/* ---- one step of `count` sequences, forward ---- */

static void step_rnn(const Call *call, int64_t count, float *gates, float *h)
{
    const float *b = call->b_ih, *b2 = call->b_hh;
    int64_t H = call->hidden;
    for (int64_t i = 0; i < count; i++, gates += H, h += H) {
        if (call->cell == RNN_TANH) {
#pragma omp simd
            for (int64_t j = 0; j < H; j++)
                h[j] = hyperbolic_tangent(gates[j] + (b[j] + b2[j]));
        } else {
#pragma omp simd
            for (int64_t j = 0; j < H; j++) {
                float a = gates[j] + (b[j] + b2[j]);
                h[j] = a < 0.0f ? 0.0f : a; /* NaN stays */
            }
        }
    }
}

static void step_lstm(const Call *call, int64_t count, float *gates, const float *before, float *c,
                      float *h)
{
    const float *b = call->b_ih, *b2 = call->b_hh;
    int64_t H = call->hidden;
    for (int64_t n = 0; n < count; n++, gates += 4 * H, before += H, c += H, h += H) {
#pragma omp simd
        for (int64_t j = 0; j < H; j++) {
            float i = sigmoid(gates[j] + (b[j] + b2[j]));
            float f = sigmoid(gates[H + j] + (b[H + j] + b2[H + j]));
            float g = hyperbolic_tangent(gates[2 * H + j] + (b[2 * H + j] + b2[2 * H + j]));
            float o = sigmoid(gates[3 * H + j] + (b[3 * H + j] + b2[3 * H + j]));
            float value = f * before[j] + i * g;
            gates[j] = i;
            gates[H + j] = f;
            gates[2 * H + j] = g;
            gates[3 * H + j] = o;
            c[j] = value;
            h[j] = o * hyperbolic_tangent(value);
        }
    }
}

static void step_gru(const Call *call, int64_t count, float *gates, float *candidates,
                     const float *before, float *h)
{
    const float *b = call->b_ih, *b2 = call->b_hh;
    int64_t H = call->hidden;
    for (int64_t i = 0; i < count; i++, gates += 3 * H, candidates += H, before += H, h += H) {
#pragma omp simd
        for (int64_t j = 0; j < H; j++) {
            float r = sigmoid(gates[j] + (b[j] + b2[j]));
            float z = sigmoid(gates[H + j] + (b[H + j] + b2[H + j]));
            float u = candidates[j] + b2[2 * H + j];
            float n = hyperbolic_tangent(gates[2 * H + j] + b[2 * H + j] + r * u);
            gates[j] = r;
            gates[H + j] = z;
            gates[2 * H + j] = n;
            candidates[j] = u;
            h[j] = (1.0f - z) * n + z * before[j];
        }
    }
}

/* ---- one step of `count` sequences, backward ----

   `dh` (count, H) is the gradient of h'. The functions write the gradients of the sums inside the
   gates, (count, columns), and the part of the gradient of h that does not pass through U. */

static void step_back_rnn(const Call *call, int64_t count, const float *h, const float *dh, float *d)
{
    int64_t H = call->hidden;
    for (int64_t i = 0; i < count; i++, h += H, dh += H, d += H) {
        if (call->cell == RNN_TANH) {
#pragma omp simd
            for (int64_t j = 0; j < H; j++)
                d[j] = dh[j] * (1.0f - h[j] * h[j]);
        } else {
#pragma omp simd
            for (int64_t j = 0; j < H; j++)
                d[j] = h[j] <= 0.0f ? 0.0f : dh[j]; /* as torch */
        }
    }
}

static void step_back_lstm(const Call *call, int64_t count, const float *gates, const float *before,
                           const float *c, const float *dh, float *dc, float *d)
{
    int64_t H = call->hidden;
    for (int64_t n = 0; n < count;
         n++, gates += 4 * H, before += H, c += H, dh += H, dc += H, d += 4 * H) {
#pragma omp simd
        for (int64_t j = 0; j < H; j++) {
            float i = gates[j], f = gates[H + j], g = gates[2 * H + j], o = gates[3 * H + j];
            float t = hyperbolic_tangent(c[j]);
            float dcell = dc[j] + dh[j] * o * (1.0f - t * t);
            d[j] = dcell * g * i * (1.0f - i);
            d[H + j] = dcell * before[j] * f * (1.0f - f);
            d[2 * H + j] = dcell * i * (1.0f - g * g);
            d[3 * H + j] = dh[j] * t * o * (1.0f - o);
            dc[j] = dcell * f;
        }
    }
}

/* Columns of a GRU: n, r, z, and n as the recurrent weights see it. The first three belong to W and
   the last three to U, so that both are products with neighbouring columns. */
static void step_back_gru(const Call *call, int64_t count, const float *gates,
                          const float *candidates, const float *before, float *dh, float *d)
{
    int64_t H = call->hidden;
    for (int64_t i = 0; i < count;
         i++, gates += 3 * H, candidates += H, before += H, dh += H, d += 4 * H) {
#pragma omp simd
        for (int64_t j = 0; j < H; j++) {
            float r = gates[j], z = gates[H + j], n = gates[2 * H + j];
            float dn = dh[j] * (1.0f - z) * (1.0f - n * n);
            d[j] = dn;
            d[H + j] = dn * candidates[j] * r * (1.0f - r);
            d[2 * H + j] = dh[j] * (before[j] - n) * z * (1.0f - z);
            d[3 * H + j] = dn * r;
            dh[j] *= z;
        }
    }
}

/* ---- all steps of a part of the batch ---- */

/* Return an array of (T, B, width) at a step, from the first sequence of a part. */
static int64_t position(const Part *part, int64_t step, int64_t width)
{
    return (step * part->plan->call->batch + part->first) * width;
}

/* Return the state before a step: the first one, or what the step before has written. */
static const float *state_before(const Part *part, const float *first, const float *states,
                                 int64_t step)
{
    int64_t H = part->plan->call->hidden;
    return step ? states + position(part, step - 1, H) : first + position(part, 0, H);
}

static void run_step(const Part *part, int64_t t, float *gates, float *candidates)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t H = call->hidden, count = part->count, width = plan->gates;
    const float *before = state_before(part, call->h0, call->out, t);
    float *h = call->out + position(part, t, H);
    int64_t columns = call->cell == GRU ? 2 * H : width;
    multiply(count, columns, H, before, H, plan->w_hh, gates, width, 1);
    if (call->cell == GRU) {
        multiply(count, H, H, before, H, plan->w_n, candidates, H, 0);
        step_gru(call, count, gates, candidates, before, h);
    } else if (call->cell == LSTM) {
        int64_t stored = call->gates ? t : 0; /* else each step overwrites the one before */
        const float *c = call->gates || !t ? state_before(part, call->c0, call->cells, t)
                                           : call->cells + position(part, 0, H);
        step_lstm(call, count, gates, c, call->cells + position(part, stored, H), h);
    } else {
        step_rnn(call, count, gates, h);
    }
}

static void *run_forward(void *argument)
{
    const Part *part = argument;
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t T = call->steps, D = call->inputs, width = plan->gates, count = part->count;
    int is_whole = count == call->batch; /* then the rows of several steps are one matrix */
    for (int64_t start = 0; start < T; start += part->block) {
        int64_t end = start + part->block < T ? start + part->block : T;
        for (int64_t t = start; t < end; t++) {
            int64_t row = (t - start) * count;
            float *gates = call->gates ? call->gates + position(part, t, width)
                                       : part->memory + row * width;
            float *candidates =
                call->candidates
                    ? call->candidates + position(part, t, call->hidden)
                    : part->memory + aligned_size(part->block * count * width);
            const float *x = call->x + position(part, t, D);
            if (!is_whole)
                multiply(count, width, D, x, D, plan->w_ih, gates, width, 0);
            else if (t == start)
                multiply((end - start) * count, width, D, x, D, plan->w_ih, gates, width, 0);
            run_step(part, t, gates, candidates);
        }
    }
    return NULL;
}

/* Write the gradients of the gates at a step, and those of the state before it to dh and dc. */
static void run_step_back(const Part *part, int64_t t, float *dh, float *dc, float *d)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t H = call->hidden, count = part->count;
    int64_t here = position(part, t, H);
    const float *gates = call->gates ? call->gates + position(part, t, plan->gates) : NULL;
    const float *before = state_before(part, call->h0, call->out, t);
    if (call->d_out)
        for (int64_t i = 0; i < count * H; i++)
            dh[i] += call->d_out[here + i];
    if (call->cell == GRU)
        step_back_gru(call, count, gates, call->candidates + here, before, dh, d);
    else if (call->cell == LSTM)
        step_back_lstm(call, count, gates, state_before(part, call->c0, call->cells, t),
                       call->cells + here, dh, dc, d);
    else
        step_back_rnn(call, count, call->out + here, dh, d);
    multiply(count, H, plan->gates, d + plan->offset, plan->columns, plan->w_hh, dh, H,
             call->cell == GRU);
}

/* Return the rows of a part between two steps as one matrix: in place if they are one already. */
static const float *gather_rows(const Part *part, const float *first, const float *array,
                                int64_t width, int64_t start, int64_t end, float *copy)
{
    int64_t size = part->count * width;
    if (part->count == part->plan->call->batch && !first)
        return array + position(part, start, width);
    for (int64_t t = start; t < end; t++) {
        const float *from = first && t == start ? first : array + position(part, t, width);
        memcpy(copy + (t - start) * size, from, size * sizeof(float));
    }
    return copy;
}

/* Add the gradients of the weights and biases of a block of steps to the sums of a part. */
static void add_weight_gradients(const Part *part, int64_t start, int64_t end, const float *d,
                                 float *packed, float *copy)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t D = call->inputs, H = call->hidden, columns = plan->columns, width = plan->gates;
    int64_t rows = (end - start) * part->count;
    int add = end < call->steps; /* the last block is the first one here */
    float *sums_ih = part->sums, *sums_hh = sums_ih + D * width, *sums_b = sums_hh + H * width;
    const float *x = gather_rows(part, NULL, call->x, D, start, end, copy);
    pack(rows, width, d, columns, 1, 0, packed);
    multiply_transposed(D, width, rows, x, packed, sums_ih, add);
    const float *h0 = start ? NULL : call->h0 + part->first * H; /* step t - 1 of step 0 */
    const float *before = gather_rows(part, h0, call->out, H, start - 1, end - 1, copy);
    if (plan->offset)
        pack(rows, width, d + plan->offset, columns, 1, 0, packed);
    multiply_transposed(H, width, rows, before, packed, sums_hh, add);
    /* A sum of each block, then a sum of the blocks: the rounding errors stay small. */
    float *block_sums = packed;
    memset(block_sums, 0, columns * sizeof(float));
    for (int64_t row = 0; row < rows; row++)
        for (int64_t j = 0; j < columns; j++)
            block_sums[j] += d[row * columns + j];
    for (int64_t j = 0; j < columns; j++)
        sums_b[j] = add ? sums_b[j] + block_sums[j] : block_sums[j];
}

static void write_input_gradients(const Part *part, int64_t start, int64_t end, const float *d)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t D = call->inputs, columns = plan->columns, count = part->count;
    int64_t group = count == call->batch ? end - start : 1;
    for (int64_t t = start; t < end; t += group, d += group * count * columns)
        multiply(group * count, D, plan->gates, d, columns, plan->w_ih,
                 call->d_x + position(part, t, D), D, 0);
}

static void load_gradient(float *to, const float *from, int64_t values)
{
    if (from)
        memcpy(to, from, values * sizeof(float));
    else
        memset(to, 0, values * sizeof(float));
}

static void *run_backward(void *argument)
{
    const Part *part = argument;
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t H = call->hidden, count = part->count, state = count * H, first = part->first * H;
    float *dh = part->memory, *dc = dh + aligned_size(state), *d = dc + aligned_size(state);
    float *packed = d + aligned_size(part->block * count * plan->columns);
    float *copy = packed + part->packed;
    load_gradient(dh, call->d_h ? call->d_h + first : NULL, state);
    load_gradient(dc, call->d_c ? call->d_c + first : NULL, state);
    for (int64_t end = call->steps, start; end > 0; end = start) {
        start = end > part->block ? end - part->block : 0;
        for (int64_t t = end - 1; t >= start; t--)
            run_step_back(part, t, dh, dc, d + (t - start) * count * plan->columns);
        if (call->d_x)
            write_input_gradients(part, start, end, d);
        if (call->d_w_ih)
            add_weight_gradients(part, start, end, d, packed, copy);
    }
    if (call->d_h0)
        memcpy(call->d_h0 + first, dh, state * sizeof(float));
    if (call->d_c0)
        memcpy(call->d_c0 + first, dc, state * sizeof(float));
    return NULL;
}

/* ---- the whole batch ---- */

static int64_t count_parts(const Call *call)
{
    int64_t work = call->steps * call->batch * count_gates(call->cell) * call->hidden *
                   (call->inputs + call->hidden) / MIN_WORK;
    int64_t parts = call->threads < work ? call->threads : work;
    parts = parts < call->batch ? parts : call->batch;
    return parts < 1 ? 1 : parts < MAX_THREADS ? parts : MAX_THREADS;
}

/* Run a function on all parts, the first one in this thread. A thread that cannot be started is
   no error: its part runs in this thread too. */
static void run_parts(void *(*run)(void *), Part *parts, int64_t count)
{
    pthread_t threads[MAX_THREADS];
    int started[MAX_THREADS];
    for (int64_t i = 1; i < count; i++)
        started[i] = pthread_create(&threads[i], NULL, run, &parts[i]) == 0;
    run(&parts[0]);
    for (int64_t i = 1; i < count; i++) {
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            run(&parts[i]);
    }
}

static void split_batch(const Plan *plan, Part *parts, int64_t count)
{
    int64_t batch = plan->call->batch;
    for (int64_t i = 0; i < count; i++) {
        Part *part = &parts[i];
        part->plan = plan;
        part->first = batch * i / count;
        part->count = batch * (i + 1) / count - part->first;
        int64_t block = BLOCK_ROWS / part->count;
        block = block < 1 ? 1 : block;
        part->block = block < plan->call->steps ? block : plan->call->steps;
        part->memory = part->sums = NULL;
    }
}

static Plan make_plan(const Call *call)
{
    Plan plan = {.call = call};
    plan.gates = count_gates(call->cell) * call->hidden;
    plan.columns = call->cell == GRU ? 4 * call->hidden : plan.gates;
    plan.offset = call->cell == GRU ? call->hidden : 0;
    return plan;
}

static void free_plan(Plan *plan, Part *parts, int64_t count)
{
    free(plan->w_ih);
    free(plan->w_hh);
    free(plan->w_n);
    for (int64_t i = 0; i < count; i++) {
        free(parts[i].memory);
        free(parts[i].sums);
    }
}

/* Compute the outputs, and what the backward pass needs. Returns 0, or 1 without enough memory. */
int rnnlab_forward(const Call *call)
{
    Plan plan = make_plan(call);
    Part parts[MAX_THREADS];
    int64_t count = count_parts(call), D = call->inputs, H = call->hidden, width = plan.gates;
    int64_t columns = call->cell == GRU ? 2 * H : width;
    split_batch(&plan, parts, count);
    plan.w_ih = allocate(packed_size(D, width));
    plan.w_hh = allocate(packed_size(H, columns));
    plan.w_n = allocate(packed_size(H, H));
    int has_memory = plan.w_ih && plan.w_hh && plan.w_n;
    for (int64_t i = 0; i < count; i++) {
        int64_t rows = parts[i].block * parts[i].count;
        parts[i].memory = allocate(aligned_size(rows * width) + parts[i].count * H);
        has_memory = has_memory && parts[i].memory;
    }
    if (has_memory) {
        pack(D, width, call->w_ih, 1, D, 0, plan.w_ih);
        pack(H, columns, call->w_hh, 1, H, 0, plan.w_hh);
        if (call->cell == GRU)
            pack(H, H, call->w_hh + 2 * H * H, 1, H, 0, plan.w_n);
        run_parts(run_forward, parts, count);
    }
    free_plan(&plan, parts, count);
    return !has_memory;
}

/* Add the sums of all parts in order, transposed and with the gates in the order of torch. */
static void write_weight_gradients(const Plan *plan, const Part *parts, int64_t count)
{
    const Call *call = plan->call;
    int64_t D = call->inputs, H = call->hidden, width = plan->gates;
    for (int64_t i = 1; i < count; i++)
        for (int64_t j = 0; j < (D + H) * width + plan->columns; j++)
            parts[0].sums[j] += parts[i].sums[j];
    const float *sums_ih = parts[0].sums, *sums_hh = sums_ih + D * width;
    const float *sums_b = sums_hh + H * width;
    for (int64_t g = 0; g < width; g++) {
        int64_t column = (g + plan->offset) % width; /* of a GRU: n, r, z */
        for (int64_t k = 0; k < D; k++)
            call->d_w_ih[g * D + k] = sums_ih[k * width + column];
        for (int64_t k = 0; k < H; k++)
            call->d_w_hh[g * H + k] = sums_hh[k * width + g];
        call->d_b_ih[g] = sums_b[column];
        call->d_b_hh[g] = sums_b[g + plan->offset];
    }
}

/* Compute the gradients that are not null. Returns 0, or 1 without enough memory. */
int rnnlab_backward(const Call *call)
{
    Plan plan = make_plan(call);
    Part parts[MAX_THREADS];
    int64_t count = count_parts(call), D = call->inputs, H = call->hidden, width = plan.gates;
    split_batch(&plan, parts, count);
    plan.w_ih = allocate(packed_size(width, D));
    plan.w_hh = allocate(packed_size(width, H));
    int has_memory = plan.w_ih && plan.w_hh;
    for (int64_t i = 0; i < count; i++) {
        int64_t rows = parts[i].block * parts[i].count;
        int64_t packed = packed_size(rows, width);
        parts[i].packed = packed > plan.columns ? packed : plan.columns; /* or sums of a block */
        parts[i].memory = allocate(2 * aligned_size(parts[i].count * H) +
                                   aligned_size(rows * plan.columns) + parts[i].packed +
                                   rows * (D > H ? D : H));
        parts[i].sums = allocate((D + H) * width + plan.columns);
        has_memory = has_memory && parts[i].memory && parts[i].sums;
    }
    if (has_memory) {
        pack(width, D, call->w_ih, D, 1, width - plan.offset, plan.w_ih);
        pack(width, H, call->w_hh, H, 1, 0, plan.w_hh);
        run_parts(run_backward, parts, count);
        if (call->d_w_ih)
            write_weight_gradients(&plan, parts, count);
    }
    free_plan(&plan, parts, count);
    return !has_memory;
}
