"""Metrics and significance tests as functions of predictions and targets."""
