/* Calls the cross entropy on arrays of exactly the documented sizes; see check_memory.c. */

#include <stdio.h>

#include "cross_entropy.c"
#include "numbers.h"

static double run(const int64_t *shape, int64_t threads, int64_t chunk, int with_gradients, int has_bias)
{
    int64_t N = shape[0], H = shape[1], V = shape[2], *targets = malloc(N * sizeof(int64_t));
    for (int64_t i = 0; i < N; i++)
        targets[i] = i % 5 == 4 ? -100 : (i * 7919) % V;
    int has_d_b = with_gradients && has_bias;
    Call call = {
        .threads = threads, .rows = N, .features = H, .classes = V, .chunk = chunk, .ignored = -100,
        .x = numbers(N * H), .w = numbers(V * H), .b = has_bias ? numbers(V) : NULL,
        .targets = targets, .weights = with_gradients ? numbers(N) : NULL, .losses = numbers(N),
        .d_x = with_gradients ? numbers(N * H) : NULL, .d_w = with_gradients ? numbers(V * H) : NULL,
        .d_b = has_d_b ? numbers(V) : NULL,
    };
    double total = rnnlab_cross_entropy(&call);
    total += sum(call.losses, N) + sum(call.d_x, N * H) + sum(call.d_w, V * H) + sum(call.d_b, V);
    sum(call.x, 0), sum(call.w, 0), sum(call.b, 0), sum(call.weights, 0);
    free(targets);
    return total;
}

int main(void)
{
    const int64_t shapes[][3] = {{1, 1, 1}, {7, 5, 17}, {70, 40, 1000}, {33, 64, 3001}};
    double total = 0.0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int64_t threads = 1; threads <= 3; threads += 2)
            for (int64_t chunk = 20; chunk <= 80; chunk += 60)
                for (int kind = 0; kind < 4; kind++)
                    total += run(shapes[i], threads, chunk, kind % 2, kind / 2);
    printf("%s\n", isfinite(total) ? "complete" : "not finite");
    return 0;
}
