"""Data sources: packages, the Hugging Face hub, local files, and the prepared cache."""
