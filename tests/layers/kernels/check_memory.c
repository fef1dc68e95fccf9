/* Calls the kernels on arrays of exactly the documented sizes; for -fsanitize=address,undefined.

   Prints the sum of all results: it is finite, so that no value was left out. */

#include <math.h>
#include <stdio.h>

#include "recurrent.c"
#include "numbers.h"

/* Return the strides of (T, B, width), or of the same values as (B, T, width). */
static Strides strides(int batch_first, int64_t T, int64_t B, int64_t width)
{
    return batch_first ? (Strides){width, T * width} : (Strides){B * width, width};
}

static double run(int64_t cell, int64_t threads, const int64_t *shape, int with_gradients,
                  int batch_first, int is_rounded)
{
    int64_t T = shape[0], B = shape[1], D = shape[2], H = shape[3], G = count_gates(cell) * H;
    int keep = with_gradients && cell >= LSTM;
    Call call = {
        .cell = cell, .threads = threads, .is_rounded = is_rounded, .steps = T, .batch = B, .inputs = D, .hidden = H,
        .x = numbers(T * B * D), .h0 = numbers(B * H), .c0 = cell == LSTM ? numbers(B * H) : NULL,
        .w_ih = numbers(G * D), .w_hh = numbers(G * H), .b_ih = numbers(G), .b_hh = numbers(G),
        .out = numbers(T * B * H), .h = numbers(B * H), .c = cell == LSTM ? numbers(B * H) : NULL,
        .intermediates = keep ? numbers(T * B * (G + H)) : NULL,
        .x_strides = strides(batch_first, T, B, D), .d_x_strides = strides(batch_first, T, B, D),
        .d_out_strides = strides(batch_first, T, B, H),
    };
    double total = rnnlab_forward(&call);
    if (with_gradients) {
        call.d_out = numbers(T * B * H), call.d_h = numbers(B * H);
        call.d_c = cell == LSTM ? numbers(B * H) : NULL;
        call.d_x = numbers(T * B * D), call.d_h0 = numbers(B * H);
        call.d_c0 = cell == LSTM ? numbers(B * H) : NULL;
        call.d_w_ih = numbers(G * D), call.d_w_hh = numbers(G * H);
        call.d_b_ih = numbers(G), call.d_b_hh = numbers(G);
        total += rnnlab_backward(&call);
        total += sum(call.d_x, T * B * D) + sum(call.d_h0, B * H) + sum(call.d_c0, B * H);
        total += sum(call.d_w_ih, G * D) + sum(call.d_w_hh, G * H);
        total += sum(call.d_b_ih, G) + sum(call.d_b_hh, G);
        sum(call.d_out, 0), sum(call.d_h, 0), sum(call.d_c, 0);
    }
    const float *others[] = {call.x, call.h0, call.c0, call.w_ih, call.w_hh, call.b_ih, call.b_hh};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        free((float *)others[i]);
    total += sum(call.out, T * B * H) + sum(call.h, B * H) + sum(call.c, B * H);
    free(call.intermediates);
    return total;
}

int main(void)
{
    const int64_t shapes[][4] = {{1, 1, 1, 1},    {7, 3, 5, 17},    {3, 40, 33, 64},
                                 {20, 20, 7, 70}, {2, 300, 10, 31}, {50, 64, 24, 32}, {9, 5, 2, 70}};
    double total = 0.0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int64_t cell = RNN_TANH; cell <= GRU; cell++)
            for (int64_t threads = 1; threads <= 3; threads += 2)
                for (int kind = 0; kind < 8; kind++)
                    total += run(cell, threads, shapes[i], kind % 2, kind / 2 % 2, kind / 4);
    printf("%s\n", isfinite(total) ? "complete" : "not finite");
    return 0;
}
