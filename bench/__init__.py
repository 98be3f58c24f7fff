"""Benchmarks: they print figures and judge nothing but whether they could be measured."""
