"""Tokenizers, vocabularies and token stores."""
