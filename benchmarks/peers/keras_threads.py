"""Threads of the library that computes for Keras."""

import keras


def limit_threads(count: int) -> None:
    """Set the number of threads, before the first operation."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    else:
        import torch

        torch.set_num_threads(count)
