/* Parts of the work of a call, each with a thread and memory of its own. */

#ifndef RNNLAB_PARTS_H
#define RNNLAB_PARTS_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define ALIGNMENT 64 /* bytes */
#define MIN_WORK 2000000 /* multiplications of a thread: below, starting a thread costs more */
#define MAX_THREADS 64

/* Return memory for some values; null if there is none. */
static inline float *allocate(int64_t values)
{
    size_t bytes = ((size_t)values * sizeof(float) + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    return aligned_alloc(ALIGNMENT, bytes);
}

/* Return the number of values after which the next array of the same memory is aligned. */
static inline int64_t aligned_size(int64_t values)
{
    return (values + 15) / 16 * 16;
}

/* Return the number of parts for some multiplications: at most `threads`, and at most `units`. */
static int64_t limit_parts(int64_t threads, int64_t work, int64_t units)
{
    int64_t parts = threads < work / MIN_WORK ? threads : work / MIN_WORK;
    parts = parts < units ? parts : units;
    return parts < 1 ? 1 : parts < MAX_THREADS ? parts : MAX_THREADS;
}

/* Run a function on all parts, of `size` bytes each, the first one in this thread. A thread that
   cannot be started is no error: its part runs in this thread too. */
static void run_parts(void *(*run)(void *), void *parts, size_t size, int64_t count)
{
    pthread_t threads[MAX_THREADS];
    int started[MAX_THREADS];
    char *part = parts;
    for (int64_t i = 1; i < count; i++)
        started[i] = pthread_create(&threads[i], NULL, run, part + i * size) == 0;
    run(part);
    for (int64_t i = 1; i < count; i++) {
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            run(part + i * size);
    }
}

#endif
