/* Cross entropy of a linear layer over many classes, of float32 on a CPU, with its gradients.

   N rows, H features, V classes: scores s = x W' + b of a row, loss log(sum(exp(s))) - s_target. The
   gradient of a score is its share, exp(s) / sum(exp(s)), minus 1 at the target, times the weight of
   the row.

   Only the scores of a chunk of rows are in memory. They are computed in blocks of classes, and a block
   in panels of PANEL rows: a class is a row of a panel (see products.h). The first pass over a chunk
   stores exp(s - m) with the largest score m so far; the second pass, which knows the sums, multiplies
   it by exp(m - log(sum)) and computes the gradients.

   Threads split the classes, so that each has its own rows of the gradients of W and b. What they sum
   for the rows is added in the order of the threads. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "activations.h"
#include "parts.h"
#include "products.h"

#define BLOCK 320 /* classes; their weights fit in the second cache */
#define LOWEST -3.4e38f /* finite: the difference of two infinities is NaN */
#define MIN_EXPONENT -86.0f /* smaller shares are zero: numbers below 1e-38 are slow */

/* One call; arrays are contiguous. Mirrored in rnnlab/layers/kernels/cross_entropy.py. */
typedef struct {
    int64_t threads, rows, features, classes;
    int64_t chunk;           /* rows whose scores are in memory */
    int64_t ignored;         /* a target without a loss and gradients; it may be no class */
    const float *x, *w, *b;  /* (N, H), (V, H), (V) or null */
    const int64_t *targets;  /* (N) */
    const float *weights;    /* of the losses in the gradients, (N) */
    float *losses;           /* (N) */
    float *d_x, *d_w, *d_b; /* gradients; only d_b may be null, or all of them */
} Call;

/* What all threads share: a chunk of rows and its working memory. */
typedef struct {
    const Call *call;
    int64_t first, count, panels;    /* rows of this chunk, in whole panels */
    int64_t capacity, blocks;        /* rows of the largest chunk, in whole panels; of all classes */
    float *memory;                   /* of all arrays below */
    float *by_feature, *by_row;      /* packed rows: (H, count) and (count, H) */
    float *exponentials;             /* (panels, V, PANEL); null without gradients */
    float *maxima;                   /* m of each block, (blocks, capacity) */
    float *at_target, *log_sums;     /* score of the target, log(sum(exp(s))), (capacity) */
} Chunk;

/* The classes of a thread, and its working memory. */
typedef struct {
    const Chunk *chunk;
    int64_t first, end;    /* blocks */
    float *memory;         /* of all arrays below */
    float *largest, *sums; /* of each row over these classes, (capacity) */
    float *panel;          /* (BLOCK, PANEL) */
    float *block;          /* gradients of the scores, (BLOCK, capacity + LANES) */
    float *tiles;          /* weights of a block, (BLOCK, H), see tile_columns */
    float *d_x;            /* sum over these classes, (panels, H, PANEL) */
} Part;

/* Return the next array of a piece of memory, or the size so far if it is null. */
static float *take(float *memory, int64_t *used, int64_t values)
{
    float *array = memory ? memory + *used : NULL;
    *used += aligned_size(values);
    return array;
}

/* ---- the first pass ---- */

/* Add the bias to a panel of scores and raise `largest`; padding rows have the scores of zeros. */
static void add_bias(int64_t classes, const float *bias, float *scores, float *largest)
{
    for (int64_t i = 0; i < classes; i++, scores += PANEL) {
        float b = bias ? bias[i] : 0.0f;
#pragma omp simd
        for (int64_t j = 0; j < PANEL; j++) {
            float s = scores[j] + b;
            scores[j] = s;
            largest[j] = s > largest[j] ? s : largest[j]; /* NaN reaches the sums, not the maximum */
        }
    }
}

static void take_exponentials(int64_t classes, const float *largest, float *scores)
{
    for (int64_t i = 0; i < classes; i++, scores += PANEL) {
#pragma omp simd
        for (int64_t j = 0; j < PANEL; j++) {
            float x = scores[j] - largest[j], e = exponential(x);
            scores[j] = x < MIN_EXPONENT ? 0.0f : e;
        }
    }
}

static void add_rows(int64_t classes, const float *panel, float *sums)
{
    Vector first = {0}, second = {0};
    for (int64_t i = 0; i < classes; i++) {
        const Vector *row = (const Vector *)(panel + i * PANEL);
        first += row[0];
        second += row[1];
    }
    ((Vector *)sums)[0] += first;
    ((Vector *)sums)[1] += second;
}

/* Return whether a row of the chunk has a loss: it is no padding, and its target is not ignored. */
static int has_loss(const Chunk *chunk, int64_t row)
{
    const Call *call = chunk->call;
    return row < chunk->count && call->targets[chunk->first + row] != call->ignored;
}

/* Return the target of a row of the chunk as a row of a block, or -1 if it is not there. */
static int64_t find_target(const Chunk *chunk, int64_t row, int64_t start, int64_t classes)
{
    int64_t target = has_loss(chunk, row) ? chunk->call->targets[chunk->first + row] - start : -1;
    return target < classes ? target : -1;
}

/* Compute a panel of exponentials of `classes` classes and add them to the sums of its rows. */
static void run_panel(const Part *part, int64_t block, int64_t classes, int64_t panel)
{
    const Chunk *chunk = part->chunk;
    const Call *call = chunk->call;
    int64_t H = call->features, start = block * BLOCK, row = panel * PANEL;
    float *values = chunk->exponentials
                        ? chunk->exponentials + (panel * call->classes + start) * PANEL
                        : part->panel;
    float *largest = part->largest + row, *sums = part->sums + row, before[PANEL];
    multiply(classes, PANEL, H, call->w + start * H, H, chunk->by_feature + row * H, values, PANEL, 0);
    memcpy(before, largest, sizeof before);
    add_bias(classes, call->b ? call->b + start : NULL, values, largest);
    for (int64_t j = 0; j < PANEL; j++) {
        int64_t target = find_target(chunk, row + j, start, classes);
        if (target >= 0)
            chunk->at_target[row + j] = values[target * PANEL + j];
    }
    for (int64_t j = 0; j < PANEL; j++)
        sums[j] *= exponential(before[j] - largest[j]);
    take_exponentials(classes, largest, values);
    add_rows(classes, values, sums);
    memcpy(chunk->maxima + block * chunk->capacity + row, largest, sizeof before);
}

static int64_t count_classes(const Call *call, int64_t block)
{
    int64_t rest = call->classes - block * BLOCK;
    return rest < BLOCK ? rest : BLOCK;
}

static void *run_scores(void *argument)
{
    const Part *part = argument;
    const Chunk *chunk = part->chunk;
    for (int64_t j = 0; j < chunk->capacity; j++) {
        part->largest[j] = LOWEST;
        part->sums[j] = 0.0f;
    }
    for (int64_t block = part->first; block < part->end; block++)
        for (int64_t panel = 0; panel < chunk->panels; panel++)
            run_panel(part, block, count_classes(chunk->call, block), panel);
    return NULL;
}

/* Write the losses of a chunk from the sums of all parts. */
static void write_losses(const Chunk *chunk, const Part *parts, int64_t count)
{
    const Call *call = chunk->call;
    for (int64_t j = 0; j < chunk->count; j++) {
        float largest = LOWEST, sum = 0.0f;
        for (int64_t i = 0; i < count; i++)
            largest = parts[i].largest[j] > largest ? parts[i].largest[j] : largest;
        for (int64_t i = 0; i < count; i++)
            sum += parts[i].sums[j] * exponential(parts[i].largest[j] - largest);
        float log_sum = logf(sum);
        float loss = largest - chunk->at_target[j] + log_sum;
        call->losses[chunk->first + j] = has_loss(chunk, j) ? loss : 0.0f;
        chunk->log_sums[j] = largest + log_sum;
    }
}

/* ---- the second pass ---- */

/* Multiply each value of a panel by the factor of its row: to `panel` and to the rows of a block. */
static void scale_panel(int64_t classes, const float *values, const float *factors, float *panel,
                        float *block, int64_t distance)
{
    for (int64_t i = 0; i < classes; i++, values += PANEL, panel += PANEL, block += distance) {
#pragma omp simd
        for (int64_t j = 0; j < PANEL; j++)
            block[j] = panel[j] = values[j] * factors[j];
    }
}

/* Write the gradients of the scores of a panel, and add what they give for its rows of x. */
static void run_panel_back(const Part *part, int64_t block, int64_t classes, int64_t panel)
{
    const Chunk *chunk = part->chunk;
    const Call *call = chunk->call;
    int64_t H = call->features, start = block * BLOCK, row = panel * PANEL;
    int64_t distance = chunk->capacity + LANES;
    const float *values = chunk->exponentials + (panel * call->classes + start) * PANEL;
    const float *largest = chunk->maxima + block * chunk->capacity + row;
    const float *weights = call->weights + chunk->first + row;
    float factors[PANEL];
    for (int64_t j = 0; j < PANEL; j++) {
        factors[j] = 0.0f;
        if (has_loss(chunk, row + j))
            factors[j] = weights[j] * exponential(largest[j] - chunk->log_sums[row + j]);
    }
    scale_panel(classes, values, factors, part->panel, part->block + row, distance);
    for (int64_t j = 0; j < PANEL; j++) {
        int64_t target = find_target(chunk, row + j, start, classes);
        if (target >= 0) {
            float *share = &part->panel[target * PANEL + j];
            *share -= weights[j];
            part->block[target * distance + row + j] = *share;
        }
    }
    if (panel + 1 < chunk->panels) /* the product is long enough to fetch the next panel meanwhile */
        for (int64_t i = 0; i < classes * PANEL; i += LANES)
            __builtin_prefetch(values + call->classes * PANEL + i);
    multiply_transposed(H, PANEL, classes, part->tiles, 0, part->panel, part->d_x + row * H,
                        block > part->first);
}

/* Add the sums of a block over the rows of the chunk to the gradient of the bias. */
static void add_bias_gradients(int64_t classes, int64_t count, const float *block, int64_t distance,
                               float *d_b, int add)
{
    for (int64_t i = 0; i < classes; i++, block += distance) {
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < count; j++)
            sum += block[j];
        d_b[i] = add ? d_b[i] + sum : sum;
    }
}

static void *run_gradients(void *argument)
{
    const Part *part = argument;
    const Chunk *chunk = part->chunk;
    const Call *call = chunk->call;
    int64_t H = call->features, distance = chunk->capacity + LANES;
    for (int64_t block = part->first; block < part->end; block++) {
        int64_t start = block * BLOCK, classes = count_classes(call, block);
        tile_columns(classes, H, call->w + start * H, H, part->tiles);
        for (int64_t panel = 0; panel < chunk->panels; panel++)
            run_panel_back(part, block, classes, panel);
        multiply(classes, H, chunk->count, part->block, distance, chunk->by_row,
                 call->d_w + start * H, H, chunk->first > 0);
        if (call->d_b)
            add_bias_gradients(classes, chunk->count, part->block, distance, call->d_b + start,
                               chunk->first > 0);
    }
    return NULL;
}

/* Write the gradients of the rows of a chunk: the sums of all parts in order. */
static void write_row_gradients(const Chunk *chunk, const Part *parts, int64_t count)
{
    int64_t H = chunk->call->features;
    for (int64_t j = 0; j < chunk->count; j++) {
        float *to = chunk->call->d_x + (chunk->first + j) * H;
        for (int64_t h = 0; h < H; h++) {
            int64_t from = (j / PANEL * H + h) * PANEL + j % PANEL;
            to[h] = parts[0].d_x[from];
            for (int64_t i = 1; i < count; i++)
                to[h] += parts[i].d_x[from];
        }
    }
}

/* ---- all rows and classes ---- */

static int64_t count_parts(const Chunk *chunk)
{
    const Call *call = chunk->call;
    int64_t rows = chunk->capacity < call->rows ? chunk->capacity : call->rows;
    return limit_parts(call->threads, rows * call->features * call->classes, chunk->blocks);
}

/* Set the arrays of a chunk in its memory and return their size; without memory, the size alone. */
static int64_t set_chunk(Chunk *chunk)
{
    int64_t H = chunk->call->features, rows = chunk->capacity, used = 0;
    float *memory = chunk->memory;
    chunk->by_feature = take(memory, &used, rows * H);
    chunk->by_row = take(memory, &used, packed_size(rows, H));
    chunk->maxima = take(memory, &used, chunk->blocks * rows);
    chunk->at_target = take(memory, &used, rows);
    chunk->log_sums = take(memory, &used, rows);
    chunk->exponentials =
        chunk->call->d_w ? take(memory, &used, rows * chunk->call->classes) : NULL;
    return used;
}

static int64_t set_part(Part *part)
{
    int64_t rows = part->chunk->capacity, used = 0;
    part->largest = take(part->memory, &used, rows);
    part->sums = take(part->memory, &used, rows);
    part->panel = take(part->memory, &used, BLOCK * PANEL);
    if (part->chunk->call->d_w) {
        part->block = take(part->memory, &used, BLOCK * (rows + LANES));
        part->tiles = take(part->memory, &used, BLOCK * part->chunk->call->features);
        part->d_x = take(part->memory, &used, rows * part->chunk->call->features);
    }
    return used;
}

/* Compute all chunks: losses, and gradients if there is an array for them. */
static void run_chunks(Chunk *chunk, Part *parts, int64_t count)
{
    const Call *call = chunk->call;
    int64_t H = call->features;
    for (int64_t first = 0; first < call->rows; first += call->chunk) {
        int64_t rest = call->rows - first;
        chunk->first = first;
        chunk->count = rest < call->chunk ? rest : call->chunk;
        chunk->panels = (chunk->count + PANEL - 1) / PANEL;
        pack(H, chunk->count, call->x + first * H, 1, H, 0, chunk->by_feature);
        run_parts(run_scores, parts, sizeof *parts, count);
        write_losses(chunk, parts, count);
        if (call->d_w) {
            pack(chunk->count, H, call->x + first * H, H, 1, 0, chunk->by_row);
            run_parts(run_gradients, parts, sizeof *parts, count);
            write_row_gradients(chunk, parts, count);
        }
    }
}

static int has_wrong_target(const Call *call)
{
    for (int64_t i = 0; i < call->rows; i++) {
        int64_t target = call->targets[i];
        if (target != call->ignored && (target < 0 || target >= call->classes))
            return 1;
    }
    return 0;
}

/* Compute losses, and gradients unless d_w is null. Returns 0, 1 without enough memory, or 2 if a
   target is neither a class nor ignored. */
int rnnlab_cross_entropy(const Call *call)
{
    if (has_wrong_target(call))
        return 2;
    Chunk chunk = {.call = call};
    Part parts[MAX_THREADS];
    int64_t rows = call->chunk < call->rows ? call->chunk : call->rows;
    chunk.capacity = (rows + PANEL - 1) / PANEL * PANEL;
    chunk.blocks = (call->classes + BLOCK - 1) / BLOCK;
    chunk.memory = allocate(set_chunk(&chunk));
    int64_t count = count_parts(&chunk);
    int has_memory = chunk.memory != NULL;
    for (int64_t i = 0; i < count; i++) {
        parts[i] = (Part){.chunk = &chunk};
        parts[i].first = chunk.blocks * i / count;
        parts[i].end = chunk.blocks * (i + 1) / count;
        parts[i].memory = allocate(set_part(&parts[i]));
        has_memory = has_memory && parts[i].memory;
        set_part(&parts[i]);
    }
    if (has_memory) {
        set_chunk(&chunk);
        run_chunks(&chunk, parts, count);
    }
    for (int64_t i = 0; i < count; i++)
        free(parts[i].memory);
    free(chunk.memory);
    return !has_memory;
}
