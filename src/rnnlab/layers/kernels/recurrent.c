/* GRU, LSTM and simple RNN of float32 on a CPU, forward and backward.

   T steps, B sequences, D input features, H hidden features, G gates. Inputs are (T, B, D), outputs
   (T, B, H), weights and the order of the gates as in torch:

       RNN   h' = f(a)                    a = W x + b + U h + b',  f = tanh or max(0, .)
       LSTM  i, f, g, o                   c' = f c + i g,  h' = o tanh(c')
       GRU   r, z, n = tanh(W x + b + r (U h + b'))        h' = (1 - z) n + z h

   The equations are those of rnnlab/layers/cells.py.

   Work is done in blocks of steps with about BLOCK_ROWS rows, so that what one product writes is in
   the cache when the next reads it. Threads split the batch; each runs all steps of its sequences.
   The sums of the weight gradients of the threads are added in the order of the threads. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "activations.h"
#include "parts.h"
#include "products.h"

#define BLOCK_ROWS 256
#define MAX_SUMMED 4 /* input features, see has_few_inputs */
#define MAX_UNTILED 64 /* hidden features; tiles of more are copied */
#define MAX_JOINT 140000 /* values of the weights of a joint product: they are read at each step */

enum { RNN_TANH, RNN_RELU, LSTM, GRU };

/* An array (T, B, width) whose rows are contiguous: values from step to step, and from row to row. */
typedef struct {
    int64_t step, row;
} Strides;

/* One call. Pointers that are not needed are null; arrays without strides are contiguous. Mirrored
   in rnnlab/layers/kernels/library.py. */
typedef struct {
    int64_t cell, threads, is_rounded, steps, batch, inputs, hidden; /* is_rounded: see Plan */
    Strides x_strides, d_out_strides, d_x_strides;
    const float *x, *h0, *c0;             /* (T, B, D), (B, H), (B, H) */
    const float *w_ih, *w_hh, *b_ih, *b_hh; /* (G H, D), (G H, H), (G H), (G H) */
    float *out, *h, *c;                   /* (T, B, H); the last state, (B, H) */
    float *intermediates;                 /* for the backward pass, or null; see set_intermediates */
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
    int64_t shift;    /* column j belongs to row (j + shift) % G H of the input weights */
    int is_joint;     /* of an LSTM, forward: inputs and state are one matrix, w_hh has both weights */
    int is_rounded;   /* backward, products outside the recurrence are of bfloat16: dx, dW, dU */
    float *w_ih, *w_hh, *w_n; /* packed; w_n: of a GRU, the recurrent weights of the candidate */
} Plan;

/* A part of the batch, with its working memory. */
typedef struct {
    const Plan *plan;
    int64_t first, count; /* sequences */
    int64_t block;        /* steps of a block */
    float *memory;
    float *gates; /* stored values of the gates, (T, count, G H), or null */
    float *extra; /* (T, count, H): cells of an LSTM; of a GRU, U h + b' of the candidate */
    int64_t copied; /* values of copied rows */
    /* Gradients of this part: one piece of memory, but the weights of the first part are the results. */
    float *d_b, *d_w_ih, *d_w_hh; /* (columns), (G H, D), (G H, H) */
} Part;

/* A block of steps in the backward pass, and its working memory. */
typedef struct {
    int64_t rows;
    int is_first;                     /* of this pass: the sums of the part begin with it */
    const float *packed_x, *packed_h; /* inputs, unless they have few features, and states before */
    float *sums;                      /* over the rows, (columns) */
    float *words;                     /* the gradients of a gate */
} Block;

/* Return whether products are of bfloat16; a constant where there are none, so that none is compiled. */
static int is_rounded(const Plan *plan)
{
    return RNNLAB_BFLOAT16 && plan->is_rounded;
}

/* Return whether a panel would be mostly padding: then the rows of the gradients are summed, feature by
   feature. */
static int has_few_inputs(const Plan *plan)
{
    return !is_rounded(plan) && plan->call->inputs <= MAX_SUMMED;
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

/* Return an array (B, H) from the first sequence of a part; null remains null. */
#define OF_PART(part, array) ((array) ? (array) + (part)->first * (part)->plan->call->hidden : NULL)

/* Return the outputs at a step, from the first sequence of a part. */
static float *outputs_at(const Part *part, int64_t step)
{
    const Call *call = part->plan->call;
    return call->out + (step * call->batch + part->first) * call->hidden;
}

/* Return the state before a step. */
static const float *state_before(const Part *part, int64_t step)
{
    return step ? outputs_at(part, step - 1) : OF_PART(part, part->plan->call->h0);
}

static const float *cells_before(const Part *part, int64_t step)
{
    int64_t size = part->count * part->plan->call->hidden;
    return step ? part->extra + (step - 1) * size : OF_PART(part, part->plan->call->c0);
}

/* Return the rows of a part between two steps as one matrix: in place if they are one already. */
static const float *gather_rows(const Part *part, const float *array, Strides strides, int64_t width,
                                int64_t start, int64_t end, float *copy)
{
    int64_t count = part->count;
    const float *from = array + start * strides.step + part->first * strides.row;
    if (strides.row == width && (strides.step == count * width || end - start == 1))
        return from;
    float *to = copy;
    for (int64_t t = start; t < end; t++, from += strides.step)
        for (int64_t i = 0; i < count; i++, to += width)
            for (int64_t j = 0; j < width; j++)
                to[j] = from[i * strides.row + j];
    return copy;
}

/* Compute a step's product of the inputs and the state before it, side by side, with both weights. */
static void multiply_joint(const Part *part, int64_t t, float *joint, float *gates)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t D = call->inputs, H = call->hidden, rows = call->x_strides.row;
    const float *x = call->x + t * call->x_strides.step + part->first * rows;
    const float *before = state_before(part, t);
    float *to = joint;
    for (int64_t i = 0; i < part->count; i++, x += rows, before += H, to += D + H) {
        for (int64_t j = 0; j < D; j++)
            to[j] = x[j];
        for (int64_t j = 0; j < H; j++)
            to[D + j] = before[j];
    }
    multiply(part->count, plan->gates, D + H, joint, D + H, plan->w_hh, gates, plan->gates, 0);
}

/* Compute a step whose gates have the products with the inputs, unless they are joint. Without stored
   values the working memory has those of one step: `extra` of a GRU, and the cells in the last state. */
static void run_step(const Part *part, int64_t t, float *gates, float *extra, float *copy)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t H = call->hidden, count = part->count, width = plan->gates;
    const float *before = state_before(part, t);
    float *h = outputs_at(part, t);
    int64_t columns = call->cell == GRU ? 2 * H : width;
    if (plan->is_joint)
        multiply_joint(part, t, copy, gates);
    else
        multiply(count, columns, H, before, H, plan->w_hh, gates, width, 1);
    if (call->cell == GRU) {
        multiply(count, H, H, before, H, plan->w_n, extra, H, 0);
        step_gru(call, count, gates, extra, before, h);
    } else if (call->cell == LSTM) {
        float *last = OF_PART(part, call->c);
        const float *c = part->extra || !t ? cells_before(part, t) : last;
        step_lstm(call, count, gates, c, part->extra ? extra : last, h);
    } else {
        step_rnn(call, count, gates, h);
    }
}

static void *run_forward(void *argument)
{
    const Part *part = argument;
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t T = call->steps, D = call->inputs, H = call->hidden, width = plan->gates;
    int64_t count = part->count, state = count * H, rows = part->block * count;
    float *extra = part->memory + aligned_size(rows * width), *copy = extra + aligned_size(state);
    for (int64_t start = 0; start < T; start += part->block) {
        int64_t end = start + part->block < T ? start + part->block : T;
        float *gates = part->gates ? part->gates + start * count * width : part->memory;
        if (!plan->is_joint) {
            const float *x = gather_rows(part, call->x, call->x_strides, D, start, end, copy);
            multiply((end - start) * count, width, D, x, D, plan->w_ih, gates, width, 0);
        }
        for (int64_t t = start; t < end; t++, gates += count * width)
            run_step(part, t, gates, part->extra ? part->extra + t * state : extra, copy);
    }
    memcpy(call->h + part->first * H, outputs_at(part, T - 1), state * sizeof(float));
    if (part->extra && call->cell == LSTM)
        memcpy(call->c + part->first * H, part->extra + (T - 1) * state, state * sizeof(float));
    return NULL;
}

/* Add the gradients of the outputs at a step to those of the state. */
static void add_output_gradients(const Part *part, int64_t t, float *dh)
{
    const Call *call = part->plan->call;
    Strides strides = call->d_out_strides;
    int64_t H = call->hidden;
    const float *from = call->d_out + t * strides.step + part->first * strides.row;
    for (int64_t i = 0; i < part->count; i++, from += strides.row, dh += H)
        for (int64_t j = 0; j < H; j++)
            dh[j] += from[j];
}

/* Write the gradients of the gates at a step, and those of the state before it to dh and dc. */
static void run_step_back(const Part *part, int64_t t, float *dh, float *dc, float *d)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t H = call->hidden, count = part->count;
    const float *gates = part->gates ? part->gates + t * count * plan->gates : NULL;
    const float *extra = part->extra ? part->extra + t * count * H : NULL;
    if (call->d_out)
        add_output_gradients(part, t, dh);
    if (call->cell == GRU)
        step_back_gru(call, count, gates, extra, state_before(part, t), dh, d);
    else if (call->cell == LSTM)
        step_back_lstm(call, count, gates, cells_before(part, t), extra, dh, dc, d);
    else
        step_back_rnn(call, count, outputs_at(part, t), dh, d);
    multiply(count, H, plan->gates, d + plan->offset, plan->columns, plan->w_hh, dh, H,
             call->cell == GRU);
}

/* Return the states before the steps of a block as one matrix. */
static const float *gather_states(const Part *part, int64_t start, int64_t end, float *copy)
{
    const Call *call = part->plan->call;
    int64_t H = call->hidden, state = part->count * H;
    Strides strides = {call->batch * H, H};
    if (start)
        return gather_rows(part, call->out, strides, H, start - 1, end - 1, copy);
    memcpy(copy, call->h0 + part->first * H, state * sizeof(float));
    float *to = copy + state;
    const float *rest = gather_rows(part, call->out, strides, H, 0, end - 1, to);
    if (rest != to)
        memcpy(to, rest, (end - 1) * state * sizeof(float));
    return copy;
}

/* Pack inputs or states (rows, width) as the right-hand matrix of the weight gradients. */
static void pack_values(const Plan *plan, int64_t rows, int64_t width, const float *values,
                        float *packed)
{
    if (is_rounded(plan))
        pack_pairs(rows, width, values, width, 0, packed);
    else
        pack(rows, width, values, width, 1, 0, packed);
}

static int64_t count_packed(const Call *call, int64_t rows)
{
    return packed_size(rows, call->inputs) + packed_size(rows, call->hidden);
}

/* Add sums over the rows of a block, each row times its factor, of the first `count` columns of d: that of
   column j to sums[(j + shift) % count * distance].

   factors: an input feature, one value for each row; null for the biases, whose factors are 1. */
static void add_sums(const Plan *plan, const Block *block, const float *d, const float *factors,
                     int64_t count, int64_t shift, float *sums, int64_t distance)
{
    float *work = block->sums; /* a sum of each block, then of the blocks: rounding errors stay small */
    memset(work, 0, count * sizeof(float));
    for (int64_t row = 0; row < block->rows; row++, d += plan->columns) {
        float factor = factors ? factors[row * plan->call->inputs] : 1.0f;
#pragma omp simd
        for (int64_t j = 0; j < count; j++)
            work[j] += factor * d[j];
    }
    for (int64_t j = 0; j < count; j++) {
        float *sum = sums + (j + shift) % count * distance;
        *sum = block->is_first ? work[j] : *sum + work[j];
    }
}

/* Return the gradients of a gate (rows, H) as the products read them.

   column: set to what multiply_transposed or multiply_pairs needs. */
static const float *arrange_gate(const Plan *plan, const Block *block, const float *d, int64_t *column)
{
    int64_t H = plan->call->hidden;
    if (is_rounded(plan)) {
        *column = H;
        pair_rows(block->rows, H, d, plan->columns, block->words);
    } else if (H > MAX_UNTILED) {
        *column = 0;
        tile_columns(block->rows, H, d, plan->columns, block->words);
    } else {
        *column = plan->columns;
        return d;
    }
    return block->words;
}

/* Compute the gradients of a gate times packed values (rows, width), or add it to the sums. */
static void multiply_gate(const Plan *plan, const Block *block, const float *gate, int64_t column,
                          int64_t width, const float *packed, float *sums)
{
    int64_t H = plan->call->hidden;
    if (is_rounded(plan))
        multiply_pairs(H, width, count_pairs(block->rows), gate, 1, column, packed, sums, width,
                       !block->is_first);
    else
        multiply_transposed(H, width, block->rows, gate, column, packed, sums, !block->is_first);
}

/* Add the gradients of the weights that belong to one gate: columns of d from `first`. */
static void add_gate_gradients(const Part *part, const Block *block, int64_t first, const float *d)
{
    const Plan *plan = part->plan;
    int64_t D = plan->call->inputs, H = plan->call->hidden, width = plan->gates, column;
    const float *gate = arrange_gate(plan, block, d, &column);
    if (first < width && !has_few_inputs(plan))
        multiply_gate(plan, block, gate, column, D, block->packed_x,
                      part->d_w_ih + (first + plan->shift) % width * D);
    if (first >= plan->offset)
        multiply_gate(plan, block, gate, column, H, block->packed_h,
                      part->d_w_hh + (first - plan->offset) * H);
}

/* Add the gradients of the weights and biases of a block of steps to the sums of a part. */
static void add_weight_gradients(const Part *part, int64_t start, int64_t end, const float *d,
                                 float *packed, float *copy)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    int64_t D = call->inputs, H = call->hidden, rows = (end - start) * part->count;
    float *packed_h = packed + packed_size(rows, D), *sums = copy + part->copied;
    Block block = {rows, end == call->steps, packed, packed_h, sums, sums + aligned_size(plan->columns)};
    pack_values(plan, rows, H, gather_states(part, start, end, copy), packed_h);
    const float *x = gather_rows(part, call->x, call->x_strides, D, start, end, copy);
    add_sums(plan, &block, d, NULL, plan->columns, 0, part->d_b, 1);
    if (!has_few_inputs(plan))
        pack_values(plan, rows, D, x, packed);
    else
        for (int64_t i = 0; i < D; i++)
            add_sums(plan, &block, d, x + i, plan->gates, plan->shift, part->d_w_ih + i, D);
    for (int64_t first = 0; first < plan->columns; first += H)
        add_gate_gradients(part, &block, first, d + first);
}

static void write_input_gradients(const Part *part, int64_t start, int64_t end, const float *d,
                                  float *words)
{
    const Plan *plan = part->plan;
    const Call *call = plan->call;
    Strides strides = call->d_x_strides;
    int64_t D = call->inputs, columns = plan->columns, count = part->count;
    int64_t pairs = count_pairs(plan->gates);
    int is_matrix = strides.step == count * strides.row; /* the rows of all steps */
    int64_t group = is_matrix ? end - start : 1, rows = group * count;
    for (int64_t t = start; t < end; t += group, d += rows * columns) {
        float *to = call->d_x + t * strides.step + part->first * strides.row;
        if (is_rounded(plan)) {
            pair_columns(rows, plan->gates, d, columns, words);
            multiply_pairs(rows, D, pairs, words, pairs, 1, plan->w_ih, to, strides.row, 0);
        } else {
            multiply(rows, D, plan->gates, d, columns, plan->w_ih, to, strides.row, 0);
        }
    }
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
    int64_t H = call->hidden, count = part->count, state = count * H;
    float *dh = part->memory, *dc = dh + aligned_size(state), *d = dc + aligned_size(state);
    float *packed = d + aligned_size(part->block * count * plan->columns);
    float *copy = packed + count_packed(call, part->block * count);
    load_gradient(dh, OF_PART(part, call->d_h), state);
    load_gradient(dc, OF_PART(part, call->d_c), state);
    for (int64_t end = call->steps, start; end > 0; end = start) {
        start = end > part->block ? end - part->block : 0;
        for (int64_t t = end - 1; t >= start; t--)
            run_step_back(part, t, dh, dc, d + (t - start) * count * plan->columns);
        if (call->d_x)
            write_input_gradients(part, start, end, d, copy + part->copied);
        if (call->d_w_ih)
            add_weight_gradients(part, start, end, d, packed, copy);
    }
    if (call->d_h0)
        memcpy(call->d_h0 + part->first * H, dh, state * sizeof(float));
    if (call->d_c0)
        memcpy(call->d_c0 + part->first * H, dc, state * sizeof(float));
    return NULL;
}

/* ---- the whole batch ---- */

static int64_t count_parts(const Call *call)
{
    int64_t work = call->steps * call->batch * count_gates(call->cell) * call->hidden *
                   (call->inputs + call->hidden);
    return limit_parts(call->threads, work, call->batch);
}

/* Set the stored values of a part: those of a part are one piece of memory, (T, count, (G + 1) H). */
static void set_intermediates(const Plan *plan, Part *part)
{
    const Call *call = plan->call;
    int64_t width = plan->gates, T = call->steps;
    int is_kept = call->intermediates && width > call->hidden; /* an RNN needs its outputs only */
    part->gates = is_kept ? call->intermediates + part->first * T * (width + call->hidden) : NULL;
    part->extra = is_kept ? part->gates + part->count * T * width : NULL;
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
        part->memory = part->d_b = NULL;
        set_intermediates(plan, part);
    }
}

static Plan make_plan(const Call *call)
{
    Plan plan = {.call = call};
    plan.gates = count_gates(call->cell) * call->hidden;
    plan.columns = call->cell == GRU ? 4 * call->hidden : plan.gates;
    plan.offset = call->cell == GRU ? call->hidden : 0;
    plan.shift = plan.gates - plan.offset;
    plan.is_rounded = call->is_rounded;
    plan.is_joint = call->cell == LSTM && (call->inputs + call->hidden) * plan.gates <= MAX_JOINT;
    return plan;
}

static void free_plan(Plan *plan, Part *parts, int64_t count)
{
    free(plan->w_ih);
    free(plan->w_hh);
    free(plan->w_n);
    for (int64_t i = 0; i < count; i++) {
        free(parts[i].memory);
        free(parts[i].d_b);
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
    int64_t rows_hh = plan.is_joint ? D + H : H;
    plan.w_ih = allocate(packed_size(D, width));
    plan.w_hh = allocate(packed_size(rows_hh, columns));
    plan.w_n = allocate(packed_size(H, H));
    int has_memory = plan.w_ih && plan.w_hh && plan.w_n;
    for (int64_t i = 0; i < count; i++) {
        int64_t rows = parts[i].block * parts[i].count;
        parts[i].memory = allocate(aligned_size(rows * width) + aligned_size(parts[i].count * H) +
                                   rows * D + parts[i].count * H);
        has_memory = has_memory && parts[i].memory;
    }
    if (has_memory) {
        float *w_ih = plan.is_joint ? plan.w_hh : plan.w_ih;
        pack_rows(D, width, call->w_ih, 1, D, 0, w_ih, plan.is_joint ? rows_hh : D);
        pack_rows(H, columns, call->w_hh, 1, H, 0, plan.w_hh + (rows_hh - H) * PANEL, rows_hh);
        if (call->cell == GRU)
            pack(H, H, call->w_hh + 2 * H * H, 1, H, 0, plan.w_n);
        run_parts(run_forward, parts, sizeof *parts, count);
    }
    free_plan(&plan, parts, count);
    return !has_memory;
}

static void add_values(float *to, const float *from, int64_t values)
{
    for (int64_t j = 0; j < values; j++)
        to[j] += from[j];
}

/* Add the gradients of all parts in order, and write the biases with the gates in the order of torch. */
static void write_weight_gradients(const Plan *plan, const Part *parts, int64_t count)
{
    const Call *call = plan->call;
    int64_t D = call->inputs, H = call->hidden, width = plan->gates, offset = plan->offset;
    for (int64_t i = 1; i < count; i++) {
        add_values(call->d_w_ih, parts[i].d_w_ih, width * D);
        add_values(call->d_w_hh, parts[i].d_w_hh, width * H);
        add_values(parts[0].d_b, parts[i].d_b, plan->columns);
    }
    for (int64_t g = 0; g < width; g++) {
        call->d_b_ih[g] = parts[0].d_b[(g + offset) % width];
        call->d_b_hh[g] = parts[0].d_b[g + offset];
    }
}

/* Return the size of the sums and words of a block of `rows`: of a gate, or all gradients if rounded. */
static int64_t count_words(const Plan *plan, int64_t rows)
{
    int64_t gate = rows * plan->call->hidden, gradients = rows * count_pairs(plan->gates);
    return aligned_size(plan->columns) + (is_rounded(plan) && gradients > gate ? gradients : gate);
}

/* Set the gradients of a part. Returns whether there is memory. */
static int allocate_gradients(const Plan *plan, Part *part)
{
    const Call *call = plan->call;
    int64_t weights_ih = plan->gates * call->inputs, weights_hh = plan->gates * call->hidden;
    int is_result = part->first == 0;
    part->d_b = allocate(plan->columns + (is_result ? 0 : weights_ih + weights_hh));
    part->d_w_ih = is_result ? call->d_w_ih : part->d_b + plan->columns;
    part->d_w_hh = is_result ? call->d_w_hh : part->d_w_ih + weights_ih;
    return part->d_b != NULL;
}

/* Return whether products of bfloat16 are compiled: where the processor has them. */
int rnnlab_has_bfloat16(void)
{
    return RNNLAB_BFLOAT16;
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
        parts[i].copied = rows * (D > H ? D : H);
        parts[i].memory = allocate(2 * aligned_size(parts[i].count * H) +
                                   aligned_size(rows * plan.columns) + count_packed(call, rows) +
                                   parts[i].copied + count_words(&plan, rows));
        has_memory = allocate_gradients(&plan, &parts[i]) && parts[i].memory && has_memory;
    }
    if (has_memory) {
        if (is_rounded(&plan))
            pack_pairs(width, D, call->w_ih, D, plan.shift, plan.w_ih);
        else
            pack(width, D, call->w_ih, D, 1, plan.shift, plan.w_ih);
        pack(width, H, call->w_hh, H, 1, 0, plan.w_hh);
        run_parts(run_backward, parts, sizeof *parts, count);
        if (call->d_w_ih)
            write_weight_gradients(&plan, parts, count);
    }
    free_plan(&plan, parts, count);
    return !has_memory;
}
