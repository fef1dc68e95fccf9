/* Calls the pooling on arrays of exactly the documented sizes; see check_memory.c. */

#include <stdio.h>

#include "numbers.h"
#include "pooling.c"

static double run(const int64_t *shape, int64_t threads, int by_step, int with_gradients)
{
    int64_t B = shape[0], T = shape[1], H = shape[2], *lengths = malloc(B * sizeof(int64_t));
    for (int64_t i = 0; i < B; i++)
        lengths[i] = 1 + (i * 7919) % T;
    int64_t step = by_step ? B * H : H, row = by_step ? H : T * H;
    Call call = {
        .threads = threads, .batch = B, .steps = T, .width = H,
        .x_step = step, .x_row = row, .d_step = row == H ? B * H : H, .d_row = row,
        .x = numbers(B * T * H), .lengths = lengths, .mean = numbers(B * H), .top = numbers(B * H),
        .ties = numbers(B * H), .d_mean = with_gradients % 2 ? numbers(B * H) : NULL,
        .d_top = with_gradients / 2 ? numbers(B * H) : NULL, .d_x = numbers(B * T * H),
    };
    rnnlab_pool(&call);
    rnnlab_pool_back(&call);
    double total = sum(call.mean, B * H) + sum(call.top, B * H) + sum(call.ties, B * H);
    total += sum(call.d_x, B * T * H);
    sum(call.x, 0), sum(call.d_mean, 0), sum(call.d_top, 0);
    free(lengths);
    return total;
}

int main(void)
{
    const int64_t shapes[][3] = {{1, 1, 1}, {3, 33, 31}, {5, 64, 100}, {70, 129, 1000}};
    double total = 0.0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int64_t threads = 1; threads <= 3; threads += 2)
            for (int kind = 0; kind < 8; kind++)
                total += run(shapes[i], threads, kind % 2, kind / 2);
    printf("%s\n", isfinite(total) ? "complete" : "not finite");
    return 0;
}
