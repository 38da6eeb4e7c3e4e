"""Benchmarks, with peers side by side, and the instant engines that they share with the tests."""
