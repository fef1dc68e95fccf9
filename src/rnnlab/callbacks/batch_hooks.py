"""Hooks of each batch that a callback does not use."""

from collections.abc import Iterable

import lightning.pytorch as L

STEP_HOOKS = (  # that Lightning calls in each step
    *("on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward"),
    *("on_before_optimizer_step", "on_train_batch_end"),
)


def skip_unused_hooks(callbacks: Iterable[L.Callback]) -> None:
    """Replace hooks of the base class, which do nothing, by None, which Lightning does not call.

    A call goes through a context of Lightning's profiler, also without one. With the callbacks of a
    run these are forty calls a step.
    """
    for callback in callbacks:
        for name in STEP_HOOKS:
            hook = getattr(callback, name)
            if getattr(hook, "__func__", None) is getattr(L.Callback, name):
                setattr(callback, name, None)
