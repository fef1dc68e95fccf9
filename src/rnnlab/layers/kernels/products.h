/* Matrix products of float32 for many small products with one matrix, as in a recurrence.

   A library packs the weights at each call, which costs as much as the product if the batch is
   small. Here the right-hand matrix is packed once, into panels of PANEL columns:

       panel 0: row 0 (PANEL values), row 1, ..., row K - 1;  panel 1: ...

   The last panel is padded with zeros. Each value of a result is one sum over k in order, whatever
   the number of rows, so the rows of a batch do not influence each other, not even by rounding. */

/* Products of bfloat16 with sums of float32 use the same tiles. A word of 4 bytes has the values of two
   neighbours in k, and one instruction adds both products to a sum. Subnormal numbers count as zero. */

#ifndef RNNLAB_PRODUCTS_H
#define RNNLAB_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Vectors of the processor, a common extension of gcc and clang. */
#if defined(__AVX512F__)
#define LANES 16
#define TALL 10 /* rows of the tallest tile: 2 sums for each and 2 values of the panel fit in registers */
#else
#if defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#if defined(__clang__)
#define TALL 5 /* its code for 6 rows keeps sums in memory */
#else
#define TALL 6
#endif
#endif
#if defined(__AVX512BF16__)
#define RNNLAB_BFLOAT16 1
#else
#define RNNLAB_BFLOAT16 0
#endif
#define PANEL (2 * LANES)
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#define NOT_INLINE __attribute__((noinline))
#else
#define UNROLL _Pragma("GCC unroll 10")
#define NOT_INLINE __attribute__((noinline, noclone))
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Words __attribute__((vector_size(4 * LANES)));
typedef float UnalignedVector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline int64_t packed_size(int64_t k, int64_t n)
{
    return k * ((n + PANEL - 1) / PANEL * PANEL);
}

/* Pack a matrix of K rows and N columns. Row k of the result is row (k + first) % K of the matrix.

   row, column: distances of neighbours in the matrix, so that it can be packed transposed.
   rows: of a panel; more than K if another matrix follows below. */
static void pack_rows(int64_t K, int64_t N, const float *matrix, int64_t row, int64_t column,
                      int64_t first, float *packed, int64_t rows)
{
    for (int64_t n = 0; n < N; n += PANEL, packed += (rows - K) * PANEL) {
        int64_t width = N - n < PANEL ? N - n : PANEL;
        for (int64_t k = 0; k < K; k++, packed += PANEL) {
            const float *from = matrix + (k + first) % K * row + n * column;
            for (int64_t j = 0; j < width; j++)
                packed[j] = from[j * column];
            for (int64_t j = width; j < PANEL; j++)
                packed[j] = 0.0f;
        }
    }
}

static void pack(int64_t K, int64_t N, const float *matrix, int64_t row, int64_t column,
                 int64_t first, float *packed)
{
    pack_rows(K, N, matrix, row, column, first, packed, K);
}

/* Return a word with two values, each rounded to the nearest bfloat16; NaN and infinity stay. */
static inline uint32_t round_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return value == value ? bits + 0x7fffu + (bits >> 16 & 1u) : 0x7fc00000u;
}

static inline float join_words(float first, float second)
{
    uint32_t word = round_bits(first) >> 16 | (round_bits(second) & 0xffff0000u);
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static inline int64_t count_pairs(int64_t k)
{
    return (k + 1) / 2;
}

/* Pack a matrix with contiguous rows like `pack`, in words of two rows: count_pairs(K) rows of words. */
static void pack_pairs(int64_t K, int64_t N, const float *matrix, int64_t row, int64_t first,
                       float *packed)
{
    static const float zeros[PANEL];
    for (int64_t n = 0; n < N; n += PANEL) {
        int64_t width = N - n < PANEL ? N - n : PANEL;
        for (int64_t k = 0; k < K; k += 2, packed += PANEL) {
            const float *upper = matrix + (k + first) % K * row + n;
            const float *lower = k + 1 < K ? matrix + (k + 1 + first) % K * row + n : zeros;
#pragma omp simd
            for (int64_t j = 0; j < width; j++)
                packed[j] = join_words(upper[j], lower[j]);
            for (int64_t j = width; j < PANEL; j++)
                packed[j] = 0.0f;
        }
    }
}

/* Write rows (K, M), `row` apart, as words of two neighbours in a row: (K, count_pairs(M)). */
static void pair_columns(int64_t K, int64_t M, const float *rows, int64_t row, float *words)
{
    for (int64_t k = 0; k < K; k++, rows += row, words += count_pairs(M)) {
#pragma omp simd
        for (int64_t j = 0; j < M / 2; j++)
            words[j] = join_words(rows[2 * j], rows[2 * j + 1]);
        if (M % 2)
            words[M / 2] = join_words(rows[M - 1], 0.0f);
    }
}

/* Write M columns of K rows, `row` apart, as words of two rows: (count_pairs(K), M). */
static void pair_rows(int64_t K, int64_t M, const float *matrix, int64_t row, float *words)
{
    for (int64_t k = 0; k < K; k += 2, matrix += 2 * row, words += M)
#pragma omp simd
        for (int64_t j = 0; j < M; j++)
            words[j] = join_words(matrix[j], k + 1 < K ? matrix[row + j] : 0.0f);
}

/* Return sum + factor * values, rounded once where the processor has such an instruction; of words, both
   products of each pair. Compilers avoid that instruction in some sums and not in others, depending on
   the number of sums at a time: then the rows of a batch would influence each other, and the product
   take twice as long. */
static inline __attribute__((always_inline)) Vector add_product(Vector sum, float factor, Vector values,
                                                                const int is_pair)
{
#if RNNLAB_BFLOAT16
    if (is_pair) {
        int32_t word;
        memcpy(&word, &factor, sizeof word);
        Words words = (Words){0} + word;
        __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(words), "v"(values));
        return sum;
    }
#endif
    (void)is_pair;
#if defined(__FMA__) && defined(__AVX__)
    Vector factors = factor - (Vector){0};
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(factors), "v"(values));
    return sum;
#else
    return sum + factor * values;
#endif
}

/* Compute `rows` rows of a product for one panel, of which the first `vectors` (1 or 2) have columns
   of the result. Inlined with constant numbers, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void multiply_tile(
    const int is_pair, const int rows, const int vectors, int64_t K, const float *left, int64_t row, int64_t column, const float *panel,
    float *result, int64_t result_row, int64_t width, int add)
{
    Vector sums[TALL][2];
    UNROLL
    for (int r = 0; r < rows; r++) {
        sums[r][0] = sums[r][1] = (Vector){0};
        __builtin_prefetch(result + r * result_row, 1); /* is there when the sums are complete */
        __builtin_prefetch(result + r * result_row + width - 1, 1);
    }
    for (int64_t k = 0; k < K; k++) {
        const Vector *values = (const Vector *)(panel + k * PANEL);
        Vector first = values[0], second = values[vectors - 1];
        UNROLL
        for (int r = 0; r < rows; r++) {
            const float *factor = left + r * row + k * column;
            sums[r][0] = add_product(sums[r][0], *factor, first, is_pair);
            if (vectors == 2)
                sums[r][1] = add_product(sums[r][1], *factor, second, is_pair);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        float *to = result + r * result_row;
        if (width == PANEL) {
            UnalignedVector *vectors = (UnalignedVector *)to;
            if (add) {
                vectors[0] += sums[r][0];
                vectors[1] += sums[r][1];
            } else {
                vectors[0] = sums[r][0];
                vectors[1] = sums[r][1];
            }
        } else {
            for (int64_t j = 0; j < width; j++) {
                float sum = sums[r][j / LANES][j % LANES];
                to[j] = add ? to[j] + sum : sum;
            }
        }
    }
}

/* Return the rows of the next tile of M rows.

   A processor begins a product before the last one is complete, so a tile needs many sums: with 8 lanes
   one of 4 rows is a sixth slower than one of 6. So rows are split into as few tiles as possible, of
   about the same height. Tiles of 8 rows of 16 lanes are fast enough, and 20 rows are 10 + 10, not
   8 + 8 + 4. */
static inline int64_t tile_height(int64_t M)
{
#if TALL == 10
    return M >= 10 && M % 8 ? 10 : M >= 8 ? 8 : M >= 4 ? 4 : 1;
#else
    int64_t tiles = (M + TALL - 1) / TALL;
    return (M + tiles - 1) / tiles;
#endif
}

static inline __attribute__((always_inline)) void copy_columns(const int64_t width, int64_t K,
                                                               const float *from, int64_t row, float *to)
{
    for (int64_t k = 0; k < K; k++, from += row, to += width)
        for (int64_t j = 0; j < width; j++)
            to[j] = from[j];
}

/* Copy M columns of K rows, `row` apart, for multiply_transposed: of the columns of each tile, all rows.
   Each panel reads all of them, and reads them in order like this. */
static void tile_columns(int64_t K, int64_t M, const float *matrix, int64_t row, float *tiles)
{
    for (int64_t width; M > 0; M -= width, matrix += width, tiles += width * K) {
        width = tile_height(M);
        if (width == TALL) /* vectors copy a constant number of values; 8: the other tile of 16 lanes */
            copy_columns(TALL, K, matrix, row, tiles);
        else if (width == 8)
            copy_columns(8, K, matrix, row, tiles);
        else
            copy_columns(width, K, matrix, row, tiles);
    }
}

#define MULTIPLY_TILE(count)                                                                          \
    case count:                                                                                       \
        multiply_tile(is_pair, count, vectors, K, left, row, column ? column : count, panel, result,   \
                      result_row, width, add);                                                        \
        break;

/* column: 0 if `left` was written by tile_columns; then row is 1. */
static inline __attribute__((always_inline)) void multiply_panel(
    const int is_pair, const int vectors, int64_t M, int64_t K, const float *left, int64_t row, int64_t column,
    const float *panel, float *result, int64_t result_row, int64_t width, int add)
{
    for (int64_t rows; M > 0; M -= rows, left += rows * (column ? row : K), result += rows * result_row) {
        rows = tile_height(M);
        switch (rows) {
            MULTIPLY_TILE(1)
            MULTIPLY_TILE(4)
#if TALL == 10
            MULTIPLY_TILE(8)
            MULTIPLY_TILE(10)
#else
            MULTIPLY_TILE(2)
            MULTIPLY_TILE(3)
            MULTIPLY_TILE(5)
#endif
#if TALL == 6
            MULTIPLY_TILE(6)
#endif
        }
    }
}

static inline __attribute__((always_inline)) void multiply_strided(
    const int is_pair, int64_t M, int64_t N, int64_t K, const float *left, int64_t row, int64_t column,
    const float *packed, float *result, int64_t result_row, int add)
{
    for (int64_t n = 0; n < N; n += PANEL, packed += K * PANEL) {
        int64_t width = N - n < PANEL ? N - n : PANEL;
        if (width > LANES)
            multiply_panel(is_pair, 2, M, K, left, row, column, packed, result + n, result_row, width, add);
        else
            multiply_panel(is_pair, 1, M, K, left, row, column, packed, result + n, result_row, width, add);
    }
}

/* The three products below are compiled once, not for each call with its constants: that would take half
   as long again to compile and is no faster.

   result (M, N) = left (M, K) times the packed matrix (K, N); added to the result if `add`.

   row, result_row: distances of the rows of `left` and `result`. */
static NOT_INLINE void multiply(int64_t M, int64_t N, int64_t K, const float *left, int64_t row,
                     const float *packed, float *result, int64_t result_row, int add)
{
    multiply_strided(0, M, N, K, left, row, 1, packed, result, result_row, add);
}

/* The same for left^T with M columns of K rows, `column` apart, or 0 if tile_columns wrote them; the result
   is contiguous. */
static NOT_INLINE void multiply_transposed(int64_t M, int64_t N, int64_t K, const float *left,
                                int64_t column, const float *packed, float *result, int add)
{
    multiply_strided(0, M, N, K, left, 1, column, packed, result, N, add);
}

/* The same for words of two values; K counts pairs. */
static NOT_INLINE void multiply_pairs(int64_t M, int64_t N, int64_t K, const float *left, int64_t row,
                           int64_t column, const float *packed, float *result, int64_t result_row,
                           int add)
{
    multiply_strided(1, M, N, K, left, row, column, packed, result, result_row, add);
}

#endif
